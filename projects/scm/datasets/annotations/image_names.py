# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Finds the image that a file of annotations means."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from urllib.parse import unquote

#: Before the path of a file in Label Studio's local storage, which is quoted.
_LOCAL_FILES = '/data/local-files/?d='
_EXTENSIONS = ('jpg', 'jpeg', 'png', 'bmp', 'webp', 'tif', 'tiff', 'gif')


class ImageNames:
    """Images by what they may be called.

    A name is the path of an image or the end of it, whatever stands before
    (``images/``, an absolute folder, the address of Label Studio's local
    storage), with slashes or backslashes, with its extension or without, in
    capital letters or small ones, as long as it means one image; the longest
    end that fits any image counts.

    Args:
        paths: Paths of the images, with slashes.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = list(paths)
        self._whole: dict[str, dict[str, None]] = defaultdict(dict)
        self._ends: dict[str, dict[str, None]] = defaultdict(dict)
        for path in self.paths:
            for index, end in enumerate(_ends(path)):
                for form in _forms(end):
                    self._ends[form][path] = None
                    if index == 0:
                        self._whole[form][path] = None

    def match(self, names: Iterable[str]) -> tuple[dict, dict]:
        """Find the images that names mean.

        Where name and image have different folders (``images/1.jpg`` and
        ``cat/1.jpg``), no other of the names may end so.

        Args:
            names: As an annotation writes them.

        Returns:
            tuple[dict[str, str], dict[str, str]]: Paths by name; and for
            names that mean no image, or several, or the same image as a name
            before, the reason in words.
        """
        names = list(dict.fromkeys(names))
        shared = Counter(_forms(e)[-1] for name in names for e in _ends(name))
        found: dict[str, str] = {}
        reasons: dict[str, str] = {}
        taken: dict[str, str] = {}
        for name in names:
            try:
                path = self._find(name, shared)
                first = taken.setdefault(path, name)
                if first != name:
                    raise LookupError(
                        f'means {path!r:.200}, and so does {first!r:.200}'
                    )
            except LookupError as error:
                reasons[name] = error.args[0]
            else:
                found[name] = path
        return found, reasons

    def _find(self, name: str, shared: Counter) -> str:
        ends = list(_ends(name))
        for index, end in enumerate(ends):
            for form in _forms(end):
                for known in (self._whole, self._ends):
                    paths = list(known.get(form, ()))
                    if len(paths) > 1:
                        raise LookupError(
                            f'{len(paths)} images have this name, expected a '
                            f'path, such as {paths[0]!r:.200}'
                        )
                    certain = index == 0 or known is self._whole
                    if paths and (certain or shared[_forms(end)[-1]] == 1):
                        return paths[0]
        tried = ', '.join(f'{end!r:.100}' for end in ends[:4])
        some = ', '.join(f'{path!r:.100}' for path in self.paths[:2])
        raise LookupError(
            f'there is no such image; looked for {tried} among '
            f'{len(self.paths)} images such as {some}'
        )


def _forms(end: str) -> tuple[str, ...]:
    """What stands for an end, the most exact first."""
    return end, end.casefold(), _stem(end).casefold()


def _ends(path: str) -> Iterable[str]:
    """A path and its ends, the longest first."""
    _, local, quoted = path.partition(_LOCAL_FILES)
    if local:
        path = unquote(quoted)
    parts = [
        part
        for part in path.replace('\\', '/').split('/')
        if part not in ('', '.')
    ][-32:]
    for start in range(len(parts)):
        yield '/'.join(parts[start:])


def _stem(path: str) -> str:
    stem, dot, extension = path.rpartition('.')
    return stem if dot and extension.lower() in _EXTENSIONS else path
