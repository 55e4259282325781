"""Small archives for tests."""

import io
import tarfile


def write_tar(path, members):
    """Writes a tar archive of names and their bytes, or of `TarInfo` objects without content."""
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(content or b"")
            archive.addfile(member, io.BytesIO(content or b""))
    return path


def link(name, target, kind=tarfile.SYMTYPE):
    """Returns a member that is a link."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member
