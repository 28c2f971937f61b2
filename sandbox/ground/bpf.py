"""The instructions of a system-call filter: classic BPF over struct seccomp_data."""

import struct

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

ALLOW = 0x7FFF0000
ASK = 0x7FC00000
"""The call waits for the process that has the filter's listener."""
KILL_PROCESS = 0x80000000
ERRNO = 0x00050000
LOAD = 0x20
JUMP_EQUAL = 0x15
JUMP_GREATER = 0x25
JUMP_ANY_BIT = 0x45
AND = 0x54
RETURN = 0x06
# Offsets into struct seccomp_data.
CALL_NUMBER = 0
ARCHITECTURE = 4
ARGUMENTS = 16


def instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Return one instruction, eight bytes; the jumps count the instructions that are left out."""
    return struct.pack("=HBBI", code, if_true, if_false, value)
