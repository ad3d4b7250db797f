# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Train a model: mmpretrain's train.py, which see for the arguments."""

from _repo_path import make_importable, run


def main() -> None:
    """Run the tool."""
    make_importable()
    from projects.scm.utils.upstream_scripts import check_arguments

    check_arguments('train')
    from projects.scm.apis.upstream_tools import run_upstream_tool

    run_upstream_tool('train')


if __name__ == '__main__':
    run(main)
