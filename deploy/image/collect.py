"""
Collects what the image holds into a root of its own: Python, its packages, the libraries they load.

``collect.py ROOT PATH…`` runs in the build stage of the Dockerfile, on Debian. What a container of
the service never runs stays behind: a shell, a package manager, tests, headers. Debian's record of
each package that a library is of comes along, as scanners look for it there.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

# Of Python and of packages: nothing that the service imports.
LEFT_BEHIND = shutil.ignore_patterns(
    *("test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "pydoc_data", "f2py"),
    *("config-3.*", "pkgconfig", "_test*.so", "_ctypes_test*.so", "xxlimited*.so", "xxsubtype*.so"),
    *("*.a", "*.h", "*.pxd", "*.pyi", "pip", "pip-*", "python*-gdb.py"),
)
# What the C library reads, and scanners.
FILES = (
    *("/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/nsswitch.conf", "/etc/os-release"),
    *("/etc/protocols", "/etc/services"),
)
# Whom to trust, as the package has it: a build may see another's certificates in /etc/ssl.
AUTHORITIES = Path("/usr/share/ca-certificates")
TRUSTED = Path("/etc/ca-certificates.conf")  # a name each line; one that begins with ! is not
USER = "partyline"
UID = 10001
LIBRARY = re.compile(r"(?:=>\s*|^\s*)(/\S+)", re.MULTILINE)
STANZA = re.compile(r"^Package: (\S+)$", re.MULTILINE)


def main() -> None:
    """Collect; the arguments are the new root, and what of this one goes into it."""
    root = Path(sys.argv[1])
    paths = [Path(path) for path in sys.argv[2:]]
    for path in paths:
        shutil.copytree(
            path, _under(root, path), symlinks=True, ignore=LEFT_BEHIND, dirs_exist_ok=True
        )
    for path in paths:  # one stands for the links that lead to it
        _strip(_under(root, path))
    libraries = sorted(_libraries(root, paths))
    for library in libraries:
        _copy(library, root)
    for name in FILES:
        _copy(Path(name), root)
    subprocess.run(["ldconfig", "-r", root], check=True)
    _name_authorities(root)
    _name_packages(root, libraries)
    _name_user(root)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)  # whatever the umask is


def _under(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _copy(path: Path, root: Path) -> None:
    """Copy a file or a directory to where it is; a link is what it leads to."""
    target = _under(root, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    elif path.exists():
        shutil.copy2(path, target)


def _binaries(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def _strip(directory: Path) -> None:
    """Take out what only a debugger reads: a third of Python, nine tenths of uvloop."""
    for path in _binaries(directory):
        subprocess.run(["strip", "--strip-unneeded", path], check=True)


def _libraries(root: Path, paths: Iterable[Path]) -> set[Path]:
    """Find the libraries of this root, outside what was copied, that its binaries load."""
    found: set[Path] = set()
    for path in paths:
        for binary in _binaries(_under(root, path)):
            original = Path("/") / binary.relative_to(root)
            told = subprocess.run(
                ["ldd", original], capture_output=True, text=True, check=False
            ).stdout
            found |= {Path(name) for name in LIBRARY.findall(told)}
    return {name for name in found if not _under(root, name).exists()}


def _name_authorities(root: Path) -> None:
    names = [name for name in TRUSTED.read_text().split("\n") if re.match(r"[^#!\s]", name)]
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True)
    bundle.write_text("".join((AUTHORITIES / name).read_text() for name in names))


def _name_packages(root: Path, libraries: Iterable[Path]) -> None:
    """Keep Debian's record of the packages, one file each, as images without dpkg have it."""
    owners = {owner for library in libraries for owner in _owners(library)} | {"ca-certificates"}
    directory = root / "var/lib/dpkg/status.d"
    directory.mkdir(parents=True)
    for stanza in Path("/var/lib/dpkg/status").read_text().strip().split("\n\n"):
        name = STANZA.search(stanza)
        if name is not None and name[1] in owners:
            (directory / name[1]).write_text(stanza + "\n")
            notice = Path("/usr/share/doc") / name[1] / "copyright"
            _copy(notice, root)


def _owners(library: Path) -> Iterator[str]:
    real = str(library.resolve())  # /lib is /usr/lib; dpkg knows a file by one of the two
    for name in {str(library), real, real.removeprefix("/usr")}:
        told = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True, check=False)
        if told.returncode == 0:
            yield from (line.split(":")[0] for line in told.stdout.splitlines())


def _name_user(root: Path) -> None:
    (root / "etc/passwd").write_text(
        f"root:x:0:0:root:/:/nonexistent\n{USER}:x:{UID}:{UID}::/:/nonexistent\n"
    )
    (root / "etc/group").write_text(f"root:x:0:\n{USER}:x:{UID}:\n")


if __name__ == "__main__":
    main()
