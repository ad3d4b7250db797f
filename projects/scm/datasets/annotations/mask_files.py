# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Listed masks, found in their folder."""

from collections.abc import Sequence

from mmengine.fileio import exists, join_path

from projects.scm.structures import MaskFiles

from .inside import check_inside


def locate_masks(
    masks: Sequence[MaskFiles],
    images: Sequence[str],
    folder: str,
    allow_outside: bool = False,
) -> list[MaskFiles]:
    """Put their folder before the paths of masks.

    Args:
        masks: As they are listed, of each image.
        images: Names of the images, for messages.
        folder: Of the masks. Where it is an address nothing is asked for:
            masks are read when they are needed.
        allow_outside: Whether they may lie outside of it. Defaults to False.

    Returns:
        The masks, as they are found.

    Raises:
        FileNotFoundError: If a mask does not exist.
        ValueError: If a listed path leaves the folder.
    """
    if not allow_outside:
        check_inside(
            (p for m in masks for p in (*m.objects, m.ignored) if p), folder
        )

    def find(path: str, image: str) -> str:
        found = join_path(folder, path)
        if '://' not in folder and not exists(found):
            raise FileNotFoundError(f'{found}: no such mask, of {image}')
        return found

    return [
        m._replace(
            objects=[find(path, image) for path in m.objects],
            ignored=m.ignored and find(m.ignored, image),
        )
        for m, image in zip(masks, images, strict=True)
    ]
