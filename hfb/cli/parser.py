"""Help that fits on two screens, errors that fit on one line."""

from __future__ import annotations

import argparse
import pkgutil
import re
import sys
from copy import copy
from pathlib import Path
from typing import Any, NoReturn

import yaml
from jsonargparse import ActionConfigFile, DefaultHelpFormatter, Namespace, get_loader, set_loader
from pytorch_lightning.cli import LightningArgumentParser

from hfb.assets import configs_dir
from hfb.cli.safe_yaml import check_yaml, read_config_text
from hfb.errors import InputError

# What Lightning and jsonargparse say at length. Of the Trainer's three dozen arguments, those that
# matter here: all of them are accepted.
_HELP = {
    "help": "show the options used most and exit",
    "help_all": "show this help and exit",
    "print_config": "print all settings as a YAML file for --config and exit",
    "seed_everything": "seed of all random numbers",
    "data": "the class that reads the data; its settings:",
    "trainer.accelerator": "cpu, gpu or auto",
    "trainer.devices": "how many processes or GPUs share the work",
    "trainer.strategy": "how they share it: auto, ddp or any other that Lightning knows",
    "trainer.logger": "true: TensorBoard in the output folder; false: none; or a logger's class",
    "trainer.max_epochs": "epochs of a training",
}
_EPILOG = """\
The Trainer takes all its other arguments too, as --trainer.NAME. --KEY.help CLASS lists the
settings of another class for KEY."""
_TRAINER_TITLE = "How it is run (Lightning's Trainer)"
YAML_MODE = "checked_yaml"
_LONGEST_DEFAULT = 60
_WEIGHTS = "model.refine.weights"
_KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "names with values",
}
# What jsonargparse says about its own attempts, beside what is wrong with the value.
_NOISE = re.compile(
    r"^[\s-]*(Does not validate against.*|Subtypes: .*|Errors:|Given value.*"
    r"|Expected a <class 'NoneType'>.*|Expected a path but .*|Subclass types expect .*"
    r"|a class path \(str\)|a dict with.*)$"
)


def _load_checked(text: str) -> Any:
    """What jsonargparse makes of YAML, refused first where it could hold the program up."""
    check_yaml(text)
    return get_loader("yaml")(text)


set_loader(YAML_MODE, _load_checked, (yaml.YAMLError,))


def find_config(name: str) -> str:
    """A configuration file: as given, else the shipped one of that name.

    Args:
        name: a path, or `paper.yaml`, `paper` or `lightning_configs/paper.yaml` for a shipped file.

    Returns:
        A path that exists, else the name as given.
    """
    path, shipped = Path(name), {file.stem: file for file in configs_dir().glob("*.yaml")}
    is_bare = path.parent in (Path(), Path(configs_dir().name)) and path.suffix in ("", ".yaml")
    if is_bare and path.stem in shipped and not path.is_file():
        return str(shipped[path.stem])
    return name


class ConfigFile(ActionConfigFile):
    """`--config FILE`: what a file does not mention stays as it was, single weights included.

    FILE may be one of the shipped configurations. To jsonargparse a dictionary is one value, which
    the next file would replace as a whole.
    """

    @staticmethod
    def apply_config(parser: Any, cfg: Any, dest: str, value: str) -> None:
        """Lay a file over what the command line has collected so far."""
        before = cfg.get(_WEIGHTS)
        ActionConfigFile.apply_config(parser, cfg, dest, value)
        if isinstance(before, dict) and isinstance(cfg.get(_WEIGHTS), dict):
            cfg[_WEIGHTS] = {**before, **cfg[_WEIGHTS]}

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        cfg: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Lay the file over what is known so far."""
        given = find_config(values)
        if not _is_inline(given):
            read_config_text(given)
        super().__call__(parser, cfg, given, option_string)


def _is_inline(given: str) -> bool:
    """Whether `--config` was given settings instead of a file: `{model: {body: x}}`."""
    return ":" in given and not Path(given).suffix and ("{" in given or "\n" in given)


class BriefHelpFormatter(DefaultHelpFormatter):
    """Shows defaults, but no types: choices and examples say more to users."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        default = action.default
        is_plain = isinstance(default, bool | int | float | str) or (
            isinstance(default, list) and all(isinstance(v, int | float | str) for v in default)
        )
        is_short = len(str(default)) <= _LONGEST_DEFAULT
        if not action.option_strings or default == argparse.SUPPRESS or not (is_plain and is_short):
            return text
        shown = str(default).lower() if isinstance(default, bool) else default
        return f"{text} (default: {shown})"


class HfbParser(LightningArgumentParser):
    """Lightning's parser with shorter help and shorter errors."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", BriefHelpFormatter)
        super().__init__(*args, **kwargs)
        self.parser_mode = YAML_MODE

    def parse_args(self, *args: Any, **kwargs: Any) -> Any:
        """As ever; files that are no text are the user's errors, too."""
        try:
            return super().parse_args(*args, **kwargs)
        except UnicodeDecodeError as error:
            raise InputError(f"a settings file is no text in UTF-8: {error}") from error
        except RecursionError as error:
            raise InputError("the settings are nested too deeply") from error

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print one line on stderr and exit with code 2."""
        if not self.exit_on_error:
            super().error(message, ex)
        parser = getattr(ex, "subcommand_parser", None) or self
        program = parser.prog.replace(" [options]", "")
        print(f"error: {one_line(message)} (settings: {program} --help-all)", file=sys.stderr)
        sys.exit(2)

    def format_help(self, *args: Any) -> str:
        """The settings of interest, and those of the classes that the configuration names."""
        _tidy(self)
        defaults = self.get_defaults()
        chosen = {action.dest: defaults.get(action.dest) for action in self._actions}
        classes = {
            key: _class_help(key, value)
            for key, value in chosen.items()
            if isinstance(value, Namespace) and "class_path" in value
        }
        # The data first, which users always give; last what they hardly need.
        first = [group for group in self._action_groups if _keys(group) & {"help", "data"}]
        rest = [group for group in self._action_groups if group not in first]
        rest.sort(key=lambda group: group.title == _TRAINER_TITLE)
        head, tail = copy(self), copy(self)
        head._action_groups, tail._action_groups = first, rest
        tail.usage, tail.description, tail.epilog = argparse.SUPPRESS, None, _EPILOG
        parts = [
            LightningArgumentParser.format_help(head, *args),
            classes.pop("data", ""),
            *classes.values(),
            LightningArgumentParser.format_help(tail, *args),
        ]
        return "\n".join(part for part in parts if part)


def one_line(message: str) -> str:
    """The gist of an error of jsonargparse, which may be a tree of failed attempts."""
    key = re.search(r'Parser key "([^"]+)"', message)
    option = re.search(r"Option '([^']+)' is not accepted", message)
    owner = re.search(r"class_path '([^']+)'", message)
    if key and option and owner:
        return f"there is no setting {key[1]}.{option[1]}: {owner[1]} has none of that name"
    link = re.search(r"argument (\S+) --> (\S+):", message)
    if link:
        return f"give {link[2]} as --{link[1]}"
    lines = [_in_words(line) for line in message.splitlines() if not _NOISE.match(line)]
    return " ".join(" ".join(lines).split()).removeprefix("- ")


def _in_words(line: str) -> str:
    """What jsonargparse expected, without Python's names of types."""
    for kind, words in _KINDS.items():
        line = line.replace(f"Expected a <class '{kind}'>", f"expected {words}")
    line = line.replace("Expected a dot import path string:", "expected a class (module.Class):")
    choices = re.search(r"Expected a typing\.Literal\[([^\]]*)\]", line)
    if choices:
        words = choices[1].replace("'", "")
        line = line.replace(choices[0], f"expected one of {words}")
    return line


def _class_help(key: str, chosen: Namespace) -> str:
    """The settings of a class that the configuration names."""
    parser = HfbParser(usage=argparse.SUPPRESS, description=None, add_help=False)
    parser.add_class_arguments(pkgutil.resolve_name(chosen["class_path"]), key)
    for name, value in (chosen.get("init_args") or Namespace()).items():
        parser.set_defaults({f"{key}.{name}": value})
    _tidy(parser)
    return LightningArgumentParser.format_help(parser)


def _keys(group: argparse._ArgumentGroup) -> set[str]:
    return {action.dest for action in group._group_actions}


def _tidy(parser: LightningArgumentParser) -> None:
    """Shorten the help, and keep out of it what is of no use here or repeats itself."""
    keys = [action.dest for action in parser._actions if not action.dest.endswith(".help")]
    groups_of_keys = {key.rsplit(".", 1)[0] for key in keys if "." in key}
    for action in parser._actions:
        key = action.dest
        if key in groups_of_keys or key.endswith(".help"):
            action.help = argparse.SUPPRESS
        elif key in _HELP:
            action.help = _HELP[key]
        elif key.startswith("trainer."):
            action.help = argparse.SUPPRESS
        if key == "data":
            action.metavar = "CLASS"
    clutter = ("default config file locations", "Linked arguments")
    parser._action_groups = [g for g in parser._action_groups if g.title not in clutter]
    for group in parser._action_groups:
        if any(key.startswith("trainer.") for key in _keys(group)):
            group.title = _TRAINER_TITLE
        elif "data" in _keys(group) and "data" not in groups_of_keys:
            group.title = "What it is run on"
