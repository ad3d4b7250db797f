# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Numbers of things in sentences."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 picture``, ``2 pictures``.

    Args:
        number (int): How many.
        one (str): What one is called.
        many (str, optional): What several are called. Defaults to None, with
            an s.
    """
    return f'{number} {one if number == 1 else many or f"{one}s"}'
