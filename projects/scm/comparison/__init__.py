# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Methods compared on data sets over seeds, with intervals.

``spec`` reads what is compared, ``running`` trains and tests it by the
ordinary tools, ``results`` keeps what a test showed in a small file for each
run, ``tables`` and ``curves`` say what the files tell. ``hits`` are plain
functions on arrays; intervals are those of the evaluation.
"""
