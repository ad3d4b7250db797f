# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What people call: inference, checkpoints, export."""
