"""From "app.py:agent" to an agent: the user's own file or module, imported, with errors that say what is wrong."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from antiphon.errors import ConfigurationError

if TYPE_CHECKING:
    from antiphon.agent import Agent

DEFAULT_NAME = "agent"


def load_agent(spec: str) -> Agent:
    """The agent of "path/to/app.py:name" or "package.module:name"; the name is "agent" when it is left out.

    The attribute may be an `Agent`, or a function of no arguments that makes one. Raises ConfigurationError.
    """
    where, _, name = spec.partition(":") if not _is_windows_path(spec) else (spec, "", "")
    name = name or DEFAULT_NAME
    if not where:
        raise ConfigurationError(f"'{spec}' names no file or module. Give it as app.py:{DEFAULT_NAME}.")
    module = _load_file(Path(where)) if where.endswith(".py") else _load_module(where)
    return _agent_in(module, name, spec)


def _is_windows_path(spec: str) -> bool:
    return len(spec) > 2 and spec[1] == ":" and spec[2] in "\\/"


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path}.")
    # As when Python runs the file: what lies beside it can be imported.
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = f"antiphon_app_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} cannot be loaded as a Python module.")
    module = importlib.util.module_from_spec(spec)
    # Type hints are looked up in the module by its name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        raise _failed(str(path), error) from error
    return module


def _load_module(name: str) -> ModuleType:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigurationError(f"There is no module '{name}'. A file is given with its .py.") from None
        raise _failed(name, error) from error
    except BaseException as error:
        raise _failed(name, error) from error


def _failed(where: str, error: BaseException) -> BaseException:
    """What to raise for a user's module that raised."""
    if isinstance(error, KeyboardInterrupt):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
    line = f" (line {own[-1].lineno} of {Path(own[-1].filename).name})" if own else ""
    if isinstance(error, SyntaxError):
        line = f" (line {error.lineno})"
    return ConfigurationError(f"{where} cannot be imported: {type(error).__name__}: {error}{line}.")


def _agent_in(module: ModuleType, name: str, spec: str) -> Agent:
    from antiphon.agent import Agent  # noqa: PLC0415 - not needed where no agent is named

    value = getattr(module, name, None)
    if value is None:
        others = [other for other, found in vars(module).items() if isinstance(found, Agent)]
        hint = f" It has: {', '.join(others)}." if others else ""
        raise ConfigurationError(f"{spec}: there is no '{name}' in it.{hint}")
    if not isinstance(value, Agent) and callable(value):
        try:
            value = value()
        except Exception as error:
            raise ConfigurationError(f"{spec}: {name}() failed: {type(error).__name__}: {error}.") from error
    if not isinstance(value, Agent):
        raise ConfigurationError(f"{spec}: '{name}' is a {type(value).__name__}, not an antiphon.agent.Agent.")
    return value
