# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Weakly supervised localization: protocols on arrays, and metrics."""
