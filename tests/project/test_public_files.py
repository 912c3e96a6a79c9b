"""The papers of the project: there, true to the commands they name, and with links that lead somewhere."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from antiphon import __version__

ROOT = Path(__file__).resolve().parents[2]
PAPERS = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
PAGES = [*PAPERS, *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]


def blocks(page: str, language: str) -> list[str]:
    """The fenced code blocks of `language` in the Markdown file `page`."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)


def heading_anchors(text: str) -> set[str]:
    """The anchors that a Markdown text's headings get where it is shown."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAPERS)
def test_paper_says_something(page: str) -> None:
    assert len((ROOT / page).read_text()) > 500


def test_license_is_the_full_apache_text() -> None:
    text = (ROOT / "LICENSE").read_text()

    assert "Version 2.0, January 2004" in text
    assert "9. Accepting Warranty or Additional Liability." in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings_that_exist(page: str) -> None:
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = folder / path if path else ROOT / page
        assert linked.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in heading_anchors(linked.read_text()), f"{page} links to {target}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_ours_that_is_named_exists(page: str) -> None:
    for name in re.findall(r"(?<![\w/.])((?:scripts|benchmarks|examples)/[\w.]+|\.ci/run)", (ROOT / page).read_text()):
        assert (ROOT / name.rstrip(".")).exists(), f"{page} names {name}"


def test_readme_starts_with_the_two_commands() -> None:
    first_words = {line.split()[0] for block in blocks("README.md", "sh") for line in block.splitlines() if line}

    assert {"scripts/serve", "scripts/test"} <= first_words
    for command in first_words:
        assert os.access(ROOT / command, os.X_OK), f"{command} cannot be run"


def test_readme_python_is_python() -> None:
    found = blocks("README.md", "python")

    assert found
    for block in found:
        ast.parse(block)


def test_changelog_ends_its_releases_with_the_packages_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", text, flags=re.MULTILINE)

    assert "## [Unreleased]" in text
    # Before the first release there is none to name.
    assert not released or released[0] == __version__


def test_public_ci_runs_the_same_two_commands_on_every_python() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()

    assert re.search(r"python: \[(.+)\]", workflow).group(1) == '"3.11", "3.12", "3.13"'  # type: ignore[union-attr]
    assert "run: scripts/check" in workflow
    assert "run: scripts/test" in workflow


def test_no_file_names_a_package_registry_or_a_place_on_somebodys_machine() -> None:
    # Put together here, so that this file does not name them either.
    hosts = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "deb.debian" + ".org"]
    places = ["/" + "root/", "/" + "home/", "/" + "work/", "../" + "shared"]
    # No letter stands before a place: it is the start of a path, and not the middle of a longer one.
    unwanted = re.compile(
        "|".join([*map(re.escape, hosts), *(rf"(?<![\w*.}}]){re.escape(place)}" for place in places)])
    )
    git = shutil.which("git")
    if git is None:
        pytest.skip("there is no git here: no list of the project's files")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: no list of the project's files")

    offences = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        if not (ROOT / name).is_file():
            continue
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        offences += [
            f"{name}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), 1)
            if unwanted.search(line)
        ]
    assert not offences, "\n".join(offences)
