"""A function's layers as one tree, the later over the earlier, as AWS unpacks them to /opt."""

import hashlib
import os
import shutil
from pathlib import Path


def merge(layer_dirs: tuple[Path, ...], cache_dir: Path) -> str | None:
    """The directory to show as /opt: none, the only layer itself, or a tree of links to the layers' files."""
    if len(layer_dirs) < 2:
        return str(layer_dirs[0].resolve()) if layer_dirs else None
    names = "\n".join(f"{path.resolve()} {path.stat().st_mtime_ns}" for path in layer_dirs)
    place = cache_dir / hashlib.sha256(names.encode()).hexdigest()[:32]
    if not place.exists():
        building = place.with_name(f"{place.name}.{os.getpid()}.{id(object())}")
        building.mkdir(parents=True)
        for layer in layer_dirs:
            _add(layer, building)
        try:
            building.rename(place)
        except OSError:  # another start was faster
            shutil.rmtree(building)
    return str(place.resolve())


def _add(source: Path, target: Path) -> None:
    for entry in os.scandir(source):
        place = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            if place.is_symlink() or place.is_file():
                place.unlink()
            place.mkdir(exist_ok=True)
            _add(Path(entry.path), place)
            continue
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        try:
            os.link(entry.path, place, follow_symlinks=False)
        except OSError:  # another file system
            shutil.copy2(entry.path, place, follow_symlinks=False)
