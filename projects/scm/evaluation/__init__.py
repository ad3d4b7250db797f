# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Weakly supervised localization: protocols on arrays, and metrics.

:mod:`.functional` needs no framework; importing :mod:`.metrics` registers.
"""
