# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Command lines, shared by the files under ``tools/`` and the console script.

Modules here are light: what is slow to import is imported when a command
runs, so that ``--help`` and wrong arguments are answered at once.
"""
