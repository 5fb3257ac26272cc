"""`Unpickler`, a pickle reader for arrays, tensors and plain Python values; it refuses everything else.

Its base is the pure-Python `pickle._Unpickler` (as in joblib), the only one whose instructions can be checked and
counted before they run.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, ClassVar, NoReturn

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._limits import MAX_DEPTH, Budget, one_line
from lsmplify_refine.safe_load._names import NAMES
from lsmplify_refine.safe_load._numbers import set_array_state, set_dtype_state
from lsmplify_refine.safe_load._stand_ins import Inert

#: Bytes that an instruction may take; all others take `_COST`, a reference and a small object.
_COSTS: dict[int, int] = {
    **dict.fromkeys(b"]}ld)t\x85\x86\x87", 272),  # lists, dicts and tuples, which `make_plain` visits again
    **dict.fromkeys(b"\x8f\x91", 432),  # sets
    **dict.fromkeys(b"qrp\x94", 112),  # an entry of the memo
    **dict.fromkeys(b"NKMJ\x88\x89", 16),
}
_COST = 40
_ENTRY = 64
#: Max nesting of tuples: their hash is recursive, and a deep one would crash Python.
_TUPLE_LEVELS = 50
_MAX_NUMBER = 1 << 64

#: Persistent id of a torch file -> storage.
PersistentLoad = Callable[[Any], Any]
#: Bytes of a torch storage within a pickle, "file: key", the file's budget -> storage.
LoadEmbedded = Callable[[Any, str, Budget], Any]
_Step = Callable[["Unpickler"], None]

#: Instruction -> its method in Python's own unpickler.
_INSTRUCTIONS: dict[int, Any] = pickle._Unpickler.dispatch


class _Metered(dict[int, Any]):
    """Instruction -> its method; every look-up is charged to the budget."""

    def __init__(self, table: Mapping[int, Any], budget: Budget) -> None:
        super().__init__(table)
        self._spend = budget.spend

    def __getitem__(self, code: int) -> Any:
        self._spend(_COSTS.get(code, _COST))
        return dict.__getitem__(self, code)


class Unpickler(pickle._Unpickler):
    """See the module's docstring.

    Attributes:
        stream: The pickle and the bytes after it.
        where: File (and key) for error messages.
        folder: The file's folder; None for a pickle within another file.
        side_files: Arrays from files beside it, by name.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(_INSTRUCTIONS)
    # set by `load` of the base class
    stack: list[Any]
    metastack: list[Any]
    read: Callable[[int], bytes]
    append: Callable[[Any], None]

    def __init__(
        self,
        stream: io.BytesIO,
        where: str,
        budget: Budget,
        load_embedded: LoadEmbedded,
        *,
        encoding: str = "latin1",
        folder: Path | None = None,
        persistent_load: PersistentLoad | None = None,
        trusted: bool = False,
    ) -> None:
        super().__init__(stream, encoding=encoding)
        self.stream: IO[bytes] = stream
        self.where, self.folder = where, folder
        self.side_files: dict[str, Any] = {}
        self._bytes, self._budget, self._encoding = stream, budget, encoding
        self._load_embedded, self._persistent_load, self._trusted = load_embedded, persistent_load, trusted
        self._levels: dict[int, int] = {}
        self.dispatch = _Metered(type(self).dispatch, budget)  # type: ignore[misc]

    def remaining(self) -> int:
        """Bytes that are not read yet."""
        return self._bytes.getbuffer().nbytes - self._bytes.tell()

    def nested(self) -> Any:
        """Load a pickle that begins here in the stream; joblib writes arrays of objects like this."""
        inner = Unpickler(
            self._bytes,
            self.where,
            self._budget,
            self._load_embedded,
            encoding=self._encoding,
            folder=self.folder,
            trusted=self._trusted,
        )
        return inner.load()

    def find_class(self, module: str, name: str) -> Any:
        """The checked substitute of a class or function; raises InputError for names not on the list."""
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return self._load_storage
        if (module, name) in NAMES:
            return NAMES[module, name]
        if self._trusted:
            return super().find_class(module, name)
        asked = one_line(f"{module}.{name}")
        raise InputError(
            f"{self.where}: refused: the file asks for {asked}, which could run code; only arrays, tensors and plain "
            "Python values are read (--trust-pickle FILE lifts this for a file that you made yourself)"
        )

    def _load_storage(self, data: Any) -> Any:
        # torch's own function would run an unrestricted torch.load
        return self._load_embedded(data, self.where, self._budget)

    def persistent_load(self, pid: Any) -> Any:
        """The storage of a torch file with this persistent id."""
        if self._persistent_load is None:
            raise pickle.UnpicklingError("it refers to data outside itself")
        return self._persistent_load(pid)

    def get_extension(self, code: int) -> NoReturn:
        """Refuse extensions of the copyreg registry."""
        raise InputError(f"{self.where}: refused: the pickle asks for the registered extension {code}")

    def check_mark(self) -> None:
        """Refuse lists and tuples that are nested too deeply."""
        if len(self.metastack) > 2 * MAX_DEPTH:
            raise InputError(f"{self.where}: refused: nested more than {MAX_DEPTH} levels deep; no result is")

    def check_call(self) -> None:
        """Count the arguments of a function, which may copy them."""
        for argument in self.stack[-1]:
            if isinstance(argument, (str, bytes, bytearray)):
                self._budget.spend(len(argument))
            elif isinstance(argument, (list, tuple)):
                self._budget.spend(_ENTRY * len(argument))

    def build(self) -> None:
        """Set the state of an array, a dtype or a stand-in; refuse any other object."""
        state = self.stack[-1]
        target = self.stack[-2]
        if type(target) is np.ndarray:
            self._budget.spend(set_array_state(target, state))
        elif isinstance(target, np.dtype):
            set_dtype_state(target, state)
        elif isinstance(target, Inert):
            target.state = state
            self.stack[-2] = target.built(self)
        elif type(target) is OrderedDict and isinstance(state, dict) and set(state) == {"_metadata"}:
            pass  # version numbers of a network's layers
        elif self._trusted:
            _INSTRUCTIONS[pickle.BUILD[0]](self)
            return
        else:
            raise InputError(f"{self.where}: refused: the pickle sets the attributes of a {type(target).__name__}")
        self.stack.pop()

    def make_bytearray(self) -> None:
        """As in the base class, but check the declared length before allocating it."""
        length = int.from_bytes(self.read(8), "little")
        if length > self._bytes.getbuffer().nbytes:
            raise pickle.UnpicklingError(f"{length} bytes are declared where fewer are left")
        self.append(bytearray(self.read(length)))

    def check_class(self, place: int) -> None:
        """Refuse objects of any class other than a stand-in."""
        kind = self.stack[place]
        if not self._trusted and not (isinstance(kind, type) and issubclass(kind, Inert)):
            raise pickle.UnpicklingError(f"an object is made of {kind!r:.60}")

    def check_tuple(self) -> None:
        """Refuse deeply nested tuples."""
        made = self.stack[-1]
        level = 1 + max((self._levels.get(id(part), 0) for part in made if type(part) is tuple), default=0)
        if level > _TUPLE_LEVELS:
            raise InputError(
                f"{self.where}: refused: tuples nested more than {_TUPLE_LEVELS} levels deep; no result is"
            )
        self._levels[id(made)] = level

    def check_number(self) -> None:
        """Refuse numbers with thousands of digits, which are very slow to compute with."""
        if not -_MAX_NUMBER < self.stack[-1] < _MAX_NUMBER:
            raise pickle.UnpicklingError(f"a number of {self.stack[-1].bit_length()} bits")


def _old_class(self: Unpickler) -> None:
    raise pickle.UnpicklingError("it makes objects of Python 2's old classes")


def _checked(code: bytes, before: _Step = lambda self: None, after: _Step = lambda self: None) -> None:
    """Add checks before and after an instruction."""
    run = _INSTRUCTIONS[code[0]]

    def checked(self: Unpickler) -> None:
        """Run the instruction between its checks."""
        before(self)
        run(self)
        after(self)

    Unpickler.dispatch[code[0]] = checked


_checked(pickle.MARK, before=Unpickler.check_mark)
_checked(pickle.REDUCE, before=Unpickler.check_call)
_checked(pickle.NEWOBJ, before=lambda self: self.check_class(-2))
_checked(pickle.NEWOBJ_EX, before=lambda self: self.check_class(-3))
for _code in (pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3):
    _checked(_code, after=Unpickler.check_tuple)
for _code in (pickle.INT, pickle.LONG, pickle.LONG1, pickle.LONG4):
    _checked(_code, after=Unpickler.check_number)
Unpickler.dispatch |= {
    pickle.BUILD[0]: Unpickler.build,
    pickle.BYTEARRAY8[0]: Unpickler.make_bytearray,
    pickle.INST[0]: _old_class,
    pickle.OBJ[0]: _old_class,
}
