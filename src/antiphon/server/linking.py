"""Modules that are always loaded together, as one file. Pure functions over texts; who reads and serves them:
page_texts.py.

A page of sixty modules is sixty requests, each compressed by itself. Here the modules are grouped by who needs them,
and each group becomes the text of one of its members, its head: the others stand in it one after another, in the
order in which a browser would run them (what they take from other files runs before them all). Every module keeps its
address: at that of one that travels inside a head there is a line that says where, so that there is one instance of
it, whoever imports it and how.

    main.js       import{Router}from"./realtime-call.js"; …    the head of what only the page needs
    realtime-call.js    class Router{…} … export{Router,…};    the head of what page and module share
    router.js     export{Router}from"./realtime-call.js";

It is a linker for this house's own way of writing, and says so where it meets another: static imports and exports stand
at the beginning of a line and name what they take, by its own name; what travels together has no two things of one name
at its top; and no module imports itself in a ring. Source: ECMAScript 2024, 16.2 (modules).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from antiphon.server.javascript import Kind, ScriptError, Token, minified, tokens

_IDENTIFIER = r"[A-Za-z_$][\w$]*"
_IMPORT = re.compile(r"^import (?:\{([^}]*)\} from )?\"(\.{1,2}/[^\"]+)\";", re.MULTILINE)
_FROM = re.compile(r"^export \{([^}]*)\} from \"(\.{1,2}/[^\"]+)\";", re.MULTILINE)
_LIST = re.compile(r"^export \{([^}]*)\};", re.MULTILINE)
_DECLARED = re.compile(rf"^export (?=(?:const|class|function\*?|async function\*?) ({_IDENTIFIER})\b)", re.MULTILINE)
_LAZY = re.compile(r"\bimport\(\"(\.{1,2}/[^\"]+)\"\)")


class LinkError(ValueError):
    """A script is written in a way that cannot be linked. The message names the script and what is the matter."""


@dataclass(frozen=True, slots=True)
class Module:
    """A script, taken apart. All paths are below the page's folder.

    body: what it does, minified, without its imports and exports. imports, passed_on: names by the path that they are
    taken from, in the order of the text. exports: the names that it declares and offers. tops: all that it declares
    at its top. lazy: what it loads only when it runs."""

    path: str
    body: str
    imports: Mapping[str, tuple[str, ...]]
    passed_on: Mapping[str, tuple[str, ...]]
    exports: tuple[str, ...]
    tops: frozenset[str]
    lazy: tuple[str, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """What has to run before it."""
        return tuple(dict.fromkeys((*self.imports, *self.passed_on)))


def read_module(path: str, source: str) -> Module:
    """Take a script apart. Raises LinkError."""
    imports = _taken(path, _IMPORT, source)
    passed_on = _taken(path, _FROM, source)
    exports = [found[1] for found in _DECLARED.finditer(source)]
    exports += [name for found in _LIST.finditer(source) for name in _names(path, found[1])]
    body = source
    for statement in (_IMPORT, _FROM, _LIST, _DECLARED):
        body = statement.sub("", body)
    try:
        found = list(tokens(body))
    except ScriptError as error:
        raise LinkError(f"{path}: {error}") from None
    _refuse_others(path, found)
    short = minified(found)
    lazy = tuple(_at(path, address) for address in _LAZY.findall(short))
    return Module(path, short, imports, passed_on, tuple(exports), frozenset(_tops(found)), lazy)


def link(sources: Mapping[str, str]) -> Linked:
    """All scripts of a folder, grouped.

    sources: texts by path below the folder ("inspect/log.js"). A script that nobody imports is an entry, and so is one
    that is loaded by `import()`. Raises LinkError, also for what is imported and not there.
    """
    return Linked({path: read_module(path, source) for path, source in sources.items()})


class Linked:
    """Which module travels in which, worked out once. Raises LinkError for modules that cannot travel together."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self._modules = modules
        self._order = tuple(_in_order(modules))
        self._head_of = self._heads()

    @property
    def heads(self) -> frozenset[str]:
        """The addresses that a browser fetches; at all others there is only a reference to one of these."""
        return frozenset(self._head_of.values())

    def texts(self) -> dict[str, str]:
        """The text at every address. Raises LinkError."""
        return {path: self._whole(path) if path in self.heads else self._reference(path) for path in self._modules}

    def _heads(self) -> dict[str, str]:
        groups: dict[frozenset[str], list[str]] = {}
        head_of: dict[str, str] = {}
        for path, entries in _entries_of(self._modules, self._order).items():
            groups.setdefault(entries, []).append(path)
        for entries, members in groups.items():
            entry = entries & set(members)
            head = min(entry) if entry else self._natural_head(members)
            head_of |= dict.fromkeys(members, head)
        return head_of

    def _natural_head(self, members: list[str]) -> str:
        """The one that nobody else in the group needs and that needs the most of them."""
        needed = {need for path in members for need in self._modules[path].needs}
        return max(
            (path for path in members if path not in needed),
            key=lambda path: (len(_closure(self._modules, [path])), path),
        )

    def _whole(self, head: str) -> str:
        members = [path for path in self._order if self._head_of[path] == head]
        taken = self._from_others(head, (self._modules[path].imports for path in members))
        self._refuse_same_names(members, taken)
        parts = [_clause("import", names, _address(head, other)) for other, names in taken.items()]
        parts += [self._body(self._modules[path], head) for path in members]
        offered = [name for path in members for name in self._modules[path].exports]
        if offered:
            parts.append(f"export{{{','.join(offered)}}};")
        passed_on = self._from_others(head, (self._modules[path].passed_on for path in members))
        parts += [_clause("export", names, _address(head, other)) for other, names in passed_on.items()]
        return "\n".join(part for part in parts if part) + "\n"

    def _from_others(self, head: str, takers: Iterable[Mapping[str, tuple[str, ...]]]) -> dict[str, list[str]]:
        """What a file takes from others: names by their heads. One that is only to run brings no names."""
        taken: dict[str, dict[str, None]] = {}
        for takes in takers:
            for source, names in takes.items():
                if self._head_of[source] != head:
                    taken.setdefault(self._head_of[source], {}).update(dict.fromkeys(names))
        return {other: list(names) for other, names in taken.items()}

    def _refuse_same_names(self, members: Iterable[str], taken: Mapping[str, Iterable[str]]) -> None:
        owners: dict[str, str] = {}
        declared = [(other, names) for other, names in taken.items()]
        declared += [(path, sorted(self._modules[path].tops)) for path in members]
        for path, names in declared:
            for name in names:
                if other := owners.get(name):
                    raise LinkError(f"{path}: {name} is also declared in {other}, and both are in one file; rename one")
                owners[name] = path

    def _body(self, module: Module, head: str) -> str:
        """What a module does, standing in the file of another: what it loads when it runs is addressed from there."""
        if "import.meta" in module.body and posixpath.dirname(module.path) != posixpath.dirname(head):
            raise LinkError(f"{module.path}: uses import.meta, but travels in {head}, which is in another folder")
        return _LAZY.sub(lambda found: f'import("{_address(head, _at(module.path, found[1]))}")', module.body)

    def _reference(self, path: str) -> str:
        module, head = self._modules[path], self._head_of[path]
        names = [*module.exports, *(name for taken in module.passed_on.values() for name in taken)]
        return _clause("export" if names else "import", names, _address(path, head)) + "\n"


def _clause(word: str, names: Sequence[str], address: str) -> str:
    if names:
        return f'{word}{{{",".join(names)}}}from"{address}";'
    return f'import"{address}";' if word == "import" else ""


def _entries_of(modules: Mapping[str, Module], order: Iterable[str]) -> dict[str, frozenset[str]]:
    """The entries that need each module, less those that are only ever loaded when it already is."""
    imported = {need for module in modules.values() for need in module.needs}
    loaders: dict[str, set[str]] = {}
    for module in modules.values():
        for lazy in module.lazy:
            loaders.setdefault(lazy, set()).add(module.path)
    entries = [path for path in order if path not in imported or path in loaders]
    reach = {entry: _closure(modules, [entry]) for entry in entries}
    there = {lazy: _already_there(lazy, loaders, reach, frozenset()) for lazy in loaders}
    return {
        path: frozenset(
            entry for entry in entries if path in reach[entry] and (path == entry or path not in there.get(entry, ()))
        )
        for path in order
    }


def _already_there(
    lazy: str, loaders: Mapping[str, set[str]], reach: Mapping[str, frozenset[str]], above: frozenset[str]
) -> frozenset[str]:
    """What has surely been loaded when `lazy` is asked for: what all who can ask for it have with them."""
    found: frozenset[str] | None = None
    for entry, closure in reach.items():
        if entry == lazy or entry in above or not closure & loaders[lazy]:
            continue
        here = closure
        if entry in loaders:
            here |= _already_there(entry, loaders, reach, above | {lazy})
        found = here if found is None else found & here
    return found or frozenset()


def _in_order(modules: Mapping[str, Module]) -> Iterator[str]:
    """Each module after those that it needs. Raises LinkError for a ring, or what is not there."""
    done: dict[str, bool] = {}

    def visit(path: str, asked_by: str) -> Iterator[str]:
        if path not in modules:
            raise LinkError(f"{asked_by}: imports {path}, which is not there")
        if done.get(path) is False:
            raise LinkError(f"{asked_by}: imports {path}, which needs {asked_by}: a ring")
        if path in done:
            return
        done[path] = False
        for need in modules[path].needs:
            yield from visit(need, path)
        done[path] = True
        yield path

    needed = {need for module in modules.values() for need in module.needs}
    # From the entries on, as a browser goes; what is left then are rings.
    for path in sorted(modules, key=lambda path: (path in needed, path)):
        yield from visit(path, path)
        for lazy in modules[path].lazy:
            if lazy not in modules:
                raise LinkError(f"{path}: loads {lazy}, which is not there")


def _closure(modules: Mapping[str, Module], entries: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    ahead = list(entries)
    while ahead:
        path = ahead.pop()
        if path not in found:
            found.add(path)
            ahead += modules[path].needs
    return frozenset(found)


def _taken(path: str, statement: re.Pattern[str], source: str) -> dict[str, tuple[str, ...]]:
    taken: dict[str, tuple[str, ...]] = {}
    for found in statement.finditer(source):
        origin = _at(path, found[2])
        taken[origin] = (*taken.get(origin, ()), *_names(path, found[1] or ""))
    return taken


def _names(path: str, written: str) -> list[str]:
    """`a, b` as two names."""
    names = [part.strip() for part in written.split(",") if part.strip()]
    for name in names:
        if not re.fullmatch(_IDENTIFIER, name):
            raise LinkError(f"{path}: cannot link the name {name!r}; take and offer things by their own names")
    return names


def _refuse_others(path: str, found: Sequence[Token]) -> None:
    for at, token in enumerate(found):
        if token.kind is not Kind.WORD or token.text not in ("import", "export"):
            continue
        # `import(…)` and `import.meta` are expressions; a property may have either name.
        is_expression = token.text == "import" and found[at + 1].text in ("(", ".")
        if not is_expression and found[at - 1].text != ".":
            raise LinkError(
                f"{path}: cannot link its {token.text!r}; write imports and exports as the other scripts do"
            )


def _tops(found: Sequence[Token]) -> Iterator[str]:
    """The names that are declared outside of all braces."""
    depth = 0
    for at, token in enumerate(found):
        is_template = token.kind is Kind.TEMPLATE
        if token.text in ("}", ")", "]") or (is_template and token.text[0] == "}"):
            depth -= 1
        elif depth == 0 and token.kind is Kind.WORD and token.text in ("const", "let", "class", "function"):
            yield from _declared(found, at + 1)
        if token.text in ("{", "(", "[") or (is_template and token.text[-1] == "{"):
            depth += 1


def _declared(found: Sequence[Token], at: int) -> Iterator[str]:
    """One name, or those of a pattern: `const { a, b: c } = …`."""
    if found[at].text == "*":
        at += 1
    if found[at].kind is Kind.WORD:
        yield found[at].text
        return
    while found[at].text != "=":
        if found[at].kind is Kind.WORD and found[at + 1].text != ":":
            yield found[at].text
        at += 1


def _at(path: str, address: str) -> str:
    """The path that `address` means in the module at `path`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), address))


def _address(path: str, target: str) -> str:
    """How the module at `path` addresses `target`."""
    address = posixpath.relpath(target, posixpath.dirname(path) or ".")
    return address if address.startswith(".") else f"./{address}"
