# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""One self-contained HTML page of one or several test runs."""

from .build import build_report

__all__ = ['build_report']
