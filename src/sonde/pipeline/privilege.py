"""Rights are given up as soon as the rings are open: user, capabilities, new privileges, and what may be written.

    user = choose_user(args.user, Path("office"))        # PrivilegeError where root would stay root
    own_folders([output, audit, keys], user)
    become(user)
    confined = confine([output, audit, keys, cache])

Called before any thread is begun: Linux keeps capabilities, no_new_privs and Landlock for each thread, and
threads begun later inherit them (capabilities(7), prctl(2), landlock(7)). What could not be done is said, and
`state.confinement` shows it; that root stays root is an error.
"""

import ctypes
import os
import pwd
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# prctl(2), capset(2).
NO_NEW_PRIVILEGES, BOUNDING_DROP, AMBIENT, AMBIENT_CLEAR_ALL, DUMPABLE = 38, 24, 47, 4, 4
CAPABILITY_VERSION_3, MOST_CAPABILITIES = 0x20080522, 64
# System calls of landlock(7), the same on all architectures.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG, BENEATH = 1, 1
EXECUTE, WRITE_FILE, REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK = (
    1 << bit for bit in (0, 1, 4, 5, 6, 7, 8, 9, 10, 11)
)
MAKE_SYM, REFER, TRUNCATE = 1 << 12, 1 << 13, 1 << 14
REFER_SINCE, TRUNCATE_SINCE = 2, 3  # versions of Landlock
OWN_MODE = 0o700


class PrivilegeError(ValueError):
    """Rights that cannot be given up; the message is for the user."""


@dataclass(frozen=True)
class User:
    """Whom a probe becomes."""

    name: str
    uid: int
    gid: int
    home: str


def choose_user(name: str | None, output: Path) -> User | None:
    """Give whom to become: the named user, else the owner of the output folder; None for who is no root already."""
    if os.geteuid() != 0:
        if name and pwd.getpwuid(os.geteuid()).pw_name != name:
            raise PrivilegeError(f"Only root can become {name!r}; leave --user away, or start as root.")
        return None
    try:
        found = pwd.getpwnam(name) if name else pwd.getpwuid(output.stat().st_uid)
    except KeyError:
        raise PrivilegeError(
            f"There is no user {name or 'that owns the output'!r} here; make one, or name another."
        ) from None
    except OSError:
        found = None
    if found is None or found.pw_uid == 0:
        raise PrivilegeError(
            "A probe does not stay root: name with --user NAME whom it becomes once its rings are open, "
            "or give the output folder to that user."
        )
    user = User(found.pw_name, found.pw_uid, found.pw_gid, found.pw_dir)
    for needed in (os.__file__, __file__):
        if not _may_read(user, needed):
            raise PrivilegeError(
                f"{user.name} may not read {Path(needed).parent}, which the probe runs from; "
                "install it where that user can read it, or name another with --user."
            )
    return user


def _may_read(user: User, path: str) -> bool:
    """Say whether a user could read a file: only who is that user can tell, so a child becomes it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(user.gid, user.gid, user.gid)
            os.setresuid(user.uid, user.uid, user.uid)
            os.close(os.open(path, os.O_RDONLY))
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def own_folders(folders: Iterable[Path], user: User | None) -> None:
    """Make folders that are lacking, and give those to the user; what is there already is left as it is."""
    for folder in folders:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        try:
            for each in reversed(missing):
                each.mkdir(mode=OWN_MODE if each == folder else 0o755)
                if user is not None:
                    os.chown(each, user.uid, user.gid)
        except OSError as error:
            raise PrivilegeError(f"{folder} cannot be made: {error.strerror}; choose another place.") from None


def confine(writable: Iterable[Path]) -> dict[str, str]:
    """Give up all rights that are not needed any more; say for each what became of it."""
    told = {"user": _own_name()}
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform != "linux":
        return told
    told["capabilities"] = _drop_capabilities(libc)
    told["no_new_privs"] = "yes" if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 else "no"
    libc.prctl(DUMPABLE, 0, 0, 0, 0)
    told["landlock"] = _restrict(libc, list(writable))
    return told


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def become(user: User | None) -> None:
    """Become a user, for good; PrivilegeError where that fails, or could be undone."""
    if user is None:
        return
    try:
        os.setgroups(os.getgrouplist(user.name, user.gid))
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    except OSError as error:
        raise PrivilegeError(f"It is not possible to become {user.name}: {error.strerror}.") from None
    with suppress(OSError):
        os.setresuid(0, 0, 0)
        raise PrivilegeError(f"Having become {user.name}, it was possible to be root again; nothing is captured.")
    os.environ["HOME"] = user.home


def _drop_capabilities(libc: ctypes.CDLL) -> str:
    """Give up all capabilities of this thread, and what they could come back from."""
    libc.prctl(AMBIENT, AMBIENT_CLEAR_ALL, 0, 0, 0)
    for number in range(MOST_CAPABILITIES):
        libc.prctl(BOUNDING_DROP, number, 0, 0, 0)  # needs CAP_SETPCAP; without it no_new_privs does as much
    head = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    if libc.capset(head, bytes(24)) != 0:
        return "kept"
    others = sum(1 for held in _capabilities() if held)
    return "none" if others == 0 else f"none, but in {others} threads begun before"


def _capabilities() -> Iterable[int]:
    """Give the effective capabilities of each thread of this process."""
    for task in Path("/proc/self/task").glob("*"):
        with suppress(OSError):
            for line in (task / "status").read_text(encoding="ascii", errors="replace").splitlines():
                if line.startswith("CapEff:"):
                    yield int(line.split()[1], 16)


def _restrict(libc: ctypes.CDLL, writable: list[Path]) -> str:
    """Let files be written, made and removed below some folders only, and no program be started (landlock(7))."""
    version = int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION_FLAG))
    if version < REFER_SINCE:  # without it nothing could be renamed from one folder to another
        return "not in this kernel" if version < 1 else f"not used: version {version} cannot rename"
    change = (
        WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER
        | (TRUNCATE if version >= TRUNCATE_SINCE else 0)
    )  # fmt: skip
    handled = change | EXECUTE | MAKE_CHAR | MAKE_SOCK | MAKE_FIFO | MAKE_BLOCK | MAKE_SYM
    attributes = struct.pack("Q", handled)
    rules = int(libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    if rules < 0:
        return f"no: {os.strerror(ctypes.get_errno())}"
    try:
        for folder in writable:
            place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            try:
                beneath = struct.pack("=Qi", change, place)
                if libc.syscall(ADD_RULE, rules, BENEATH, beneath, 0) != 0:
                    return f"no: {os.strerror(ctypes.get_errno())}"
            finally:
                os.close(place)
        if libc.syscall(RESTRICT_SELF, rules, 0) != 0:
            return f"no: {os.strerror(ctypes.get_errno())}"
    except OSError as error:
        return f"no: {error.strerror}"
    finally:
        os.close(rules)
    return f"version {version}"


__all__ = ["PrivilegeError", "User", "become", "choose_user", "confine", "own_folders"]
