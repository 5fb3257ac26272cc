"""`Opcodes`, the stream that Python's C unpickler reads: each instruction is checked and charged before it is run.

The C unpickler cannot be stopped within a call, so what would take it too much memory or time is found here: objects
without end, places of the memo far beyond its size, numbers of thousands of digits, and dict keys of equal hash.
`pickletools` describes the instructions.
"""

from __future__ import annotations

import pickle
import pickletools
from typing import IO, Any

from lsmplify_refine.safe_load._limits import Budget

#: Length from which a text or array is passed on unseen, and of a batch of instructions.
_LONG, _BATCH = 1 << 16, 1 << 16
#: Max bytes of a frame, after which Python starts another: 64 kB and an object.
_MAX_FRAME = 16 << 20
#: Max bytes of a whole number, and characters of one in text: Python takes quadratic time for long ones.
_NUMBER_BYTES, _NUMBER_CHARS = 9, 30
#: How far a place of the memo may lie beyond the number of places in use; the unpickler allocates all before it.
_MEMO_GAP = 1 << 16
#: Max tuples among the keys of a file, and parts of such a tuple: anybody can make tuples of equal hash.
TUPLE_KEYS, KEY_PARTS = 1000, 32

#: Bytes that an instruction may take; all others take `_COST`, a reference and a small object.
_COSTS: dict[int, int] = {
    **dict.fromkeys(b"]}ld)t\x85\x86\x87", 272),  # lists, dicts and tuples, which `make_plain` visits again
    **dict.fromkeys(b"\x8f\x91", 432),  # sets
    **dict.fromkeys(b"qrpg\x94", 112),  # an entry of the memo
    **dict.fromkeys(b"NKMJ\x88\x89", 16),
}
_COST = 40

_OPCODES = {opcode.code.encode("latin1"): opcode for opcode in pickletools.opcodes}
_WIDTHS = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: 4,
           pickletools.TAKEN_FROM_ARGUMENT4U: 4, pickletools.TAKEN_FROM_ARGUMENT8U: 8}  # fmt: skip
_TWO_LINES = (pickle.GLOBAL, pickle.INST)
_NUMBERS = (pickle.INT, pickle.LONG, pickle.LONG1, pickle.LONG4)
_UNICODE = (pickle.SHORT_BINUNICODE, pickle.BINUNICODE, pickle.BINUNICODE8)
_EXTENSIONS = (pickle.EXT1, pickle.EXT2, pickle.EXT4)
_GETS = (pickle.BINGET, pickle.LONG_BINGET, pickle.GET)
_PUTS = (pickle.BINPUT, pickle.LONG_BINPUT, pickle.PUT)
#: Which of the popped values are keys.
_KEYS = {pickle.SETITEM: slice(1, 2), pickle.SETITEMS: slice(0, None, 2), pickle.DICT: slice(0, None, 2),
         pickle.ADDITEMS: slice(None), pickle.FROZENSET: slice(None)}  # fmt: skip
_HASHED = (pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3, pickle.FROZENSET)


def _effect(opcode: pickletools.OpcodeInfo) -> tuple[int, bool, int]:
    """How many values an instruction pops, whether from a mark, and how many it pushes."""
    before = opcode.stack_before
    marked = pickletools.markobject in before
    return before.index(pickletools.markobject) if marked else len(before), marked, len(opcode.stack_after)


_Entry = tuple[int, int, tuple[int, bool, int]]
#: Instruction -> bytes of its argument (below 0: as `pickletools` counts), cost, effect.
_TABLE: dict[bytes, _Entry] = {
    code: (opcode.arg.n if opcode.arg else 0, _COSTS.get(code[0], _COST), _effect(opcode))
    for code, opcode in _OPCODES.items()
}
#: Those that only push a value without parts.
_PUSHES = frozenset(
    code
    for code, entry in _TABLE.items()
    if entry[2] == (0, False, 1) and code not in (*_GETS, *_HASHED, *_EXTENSIONS, pickle.MARK)
)


class Opcodes:
    """One pickle: gives the C unpickler what it has checked, and no more.

    It stops after each instruction that sets a state, because joblib puts an array's bytes there, and goes on where
    the stream then is. It raises ValueErrors, since the unpickler takes its own errors for the end of the file.

    Attributes:
        codes: Every instruction met.
    """

    def __init__(self, stream: IO[bytes], budget: Budget) -> None:
        self._stream, self._budget = stream, budget
        self._ready, self._at, self._unseen, self._done = b"", 0, 0, False
        #: Of each value on the stack or in the memo: the parts of a tuple, 0 for anything else.
        self._stack: list[int] = []
        self._marks: list[int] = []
        self._memo: dict[int, int] = {}
        self._keys = self.protocol = 0

    def peek(self, count: int) -> bytes:
        """Checked bytes that come next, perhaps fewer."""
        if self._at == len(self._ready) and not self._unseen and not self._done:
            self._ready, self._at = self._checked(), 0
        return self._ready[self._at : self._at + count]

    def read(self, count: int) -> bytes:
        """The next bytes; fewer only at the end of the pickle."""
        if self._at == len(self._ready) and 0 < count <= self._unseen:
            self._unseen -= count
            return self._stream.read(count)
        data = self.peek(count)
        self._at += len(data)
        # an instruction is never cut, so more is wanted only of a long text
        return data if len(data) == count or not self._unseen else data + self.read(count - len(data))

    def readinto(self, buffer: memoryview) -> int:
        """Put the next bytes into a buffer."""
        if self._at == len(self._ready) and len(buffer) <= self._unseen:
            self._unseen -= len(buffer)
            return read_into(self._stream, buffer)
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readline(self) -> bytes:
        """The rest of the line."""
        self.peek(1)
        return self.read(self._ready.index(b"\n", self._at) + 1 - self._at)

    def _checked(self) -> bytes:
        """The next instructions, up to a state, the end of a frame, a long text, or the end."""
        read, ready, frame, spent = self._stream.read, bytearray(), 0, 0
        stack, memo = self._stack, self._memo
        while len(ready) < (frame or _BATCH):
            code = read(1)
            entry = _TABLE.get(code)
            if entry is None:
                raise ValueError(f"{code!r} is not an instruction" if code else "the end is missing")
            size, cost, effect = entry
            argument = read(size) if size > 0 else self._argument(code, size) if size else b""
            spent += cost
            ready += code
            ready += argument
            if code in _PUSHES:
                stack.append(0)
            elif code == pickle.MEMOIZE:
                memo[len(memo)] = stack[-1]
            elif code == pickle.FRAME:
                if frame or (frame := len(ready) + int.from_bytes(argument, "little")) > _MAX_FRAME:
                    raise ValueError("a frame is within a frame, or far too long")
            else:
                self._run(code, argument, *effect)
            if self._done or (not frame and (self._unseen or code == pickle.BUILD)):
                break
        if frame:
            if self._unseen or len(ready) > frame:
                raise ValueError("an instruction crosses the end of its frame")
            ready += read(frame - len(ready))
        self._budget.spend(spent)
        return bytes(ready)

    def _argument(self, code: bytes, size: int) -> bytes:
        """The argument of an instruction, if it has no fixed size; that of a long text or array is only its length."""
        if size == pickletools.UP_TO_NEWLINE:
            lines = [self._stream.readline(self._budget.data) for _ in range(2 if code in _TWO_LINES else 1)]
            if not all(line.endswith(b"\n") for line in lines):
                raise ValueError("a line is cut short, or far too long")
            argument = b"".join(lines)
            if code in _NUMBERS and len(argument) > _NUMBER_CHARS:
                raise ValueError(f"a number of {len(argument)} digits")
            self._budget.take(4 * len(argument))
            return argument
        header = self._stream.read(_WIDTHS[size])
        length = int.from_bytes(header, "little")
        if code in _NUMBERS and length > _NUMBER_BYTES:
            raise ValueError(f"a number of {8 * length} bits")
        # one character beyond Latin 1 makes a text of one byte a character two or four times as large
        self._budget.take(4 * length if code in _UNICODE else length)
        if length >= _LONG:
            self._unseen = length
            return header
        return header + self._stream.read(length)

    def _run(self, code: bytes, argument: bytes, pops: int, marked: bool, pushes: int) -> None:
        """The effect on stack and memo."""
        stack = self._stack
        if code == pickle.MARK:
            self._marks.append(len(stack))
        elif code in _PUTS:
            place = _place(code, argument)
            if not 0 <= place <= len(self._memo) + _MEMO_GAP:
                raise ValueError(f"a memo of {place} entries")
            self._memo[place] = stack[-1]
        elif code in _GETS:
            stack.append(self._memo[_place(code, argument)])
        elif code == pickle.DUP:
            stack.append(stack[-1])
        elif code == pickle.POP and self._marks and self._marks[-1] == len(stack):
            self._marks.pop()
        elif code in _EXTENSIONS:
            raise ValueError(f"it asks for the registered extension {int.from_bytes(argument, 'little')}")
        else:
            popped = self._pop(pops, marked)
            for parts in popped[_KEYS[code]] if code in _KEYS else ():
                self._keys += parts > 0
                if parts > KEY_PARTS or self._keys > TUPLE_KEYS:
                    raise ValueError("more or larger tuples as keys of dicts than results have")
            stack += [1 + len(popped) + sum(popped) if code in _HASHED else 0] * pushes
            self._done = code == pickle.STOP
            self.protocol = argument[0] if code == pickle.PROTO else max(self.protocol, _OPCODES[code].proto)

    def _pop(self, count: int, marked: bool) -> list[int]:
        """Pop the values after the last mark, and `count` more; those after the mark, or else all, come back."""
        after = []
        if marked:
            mark = self._marks.pop()
            after = self._stack[mark:]
            del self._stack[mark:]
        first = len(self._stack) - count
        if first < (self._marks[-1] if self._marks else 0):
            raise ValueError("an instruction finds nothing on the stack")
        popped = self._stack[first:]
        del self._stack[first:]
        return after if marked else popped


def _place(code: bytes, argument: bytes) -> int:
    if code not in (pickle.GET, pickle.PUT):
        return int.from_bytes(argument, "little")
    if len(argument) > _NUMBER_CHARS:
        raise ValueError(f"a number of {len(argument)} digits")
    return int(argument)


def read_into(stream: Any, buffer: memoryview) -> int:
    """Fill a buffer from a stream, as far as that has bytes."""
    done = 0
    while done < len(buffer) and (count := stream.readinto(buffer[done:])):
        done += count
    return done
