"""Lighthouse, on the page as the server gives it: fast, usable by everybody, well made."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from antiphon.server import ServerSettings
from chromium import launch_arguments, require_chromium
from live_server import live_server
from npm_packages import installed_packages
from scripted_answerer import ScriptedAnswerer

HERE = Path(__file__).resolve().parent
ENOUGH = 95
CATEGORIES = ("performance", "accessibility", "best-practices")
RUNS = 3
"""Speed is measured on a machine that does other things too: the best of so many runs counts. What is wrong with the
page is wrong in each."""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(280)]


async def measured(program: Path, chromium: Path, url: str, categories: tuple[str, ...], folder: Path) -> Any:
    report = folder / "report.json"
    process = await asyncio.create_subprocess_exec(
        "node",
        program,
        url,
        "--quiet",
        "--output=json",
        f"--output-path={report}",
        f"--only-categories={','.join(categories)}",
        f"--chrome-flags=--headless=new {' '.join(launch_arguments())}",
        "--no-enable-error-reporting",
        cwd=folder,
        env={**os.environ, "CHROME_PATH": str(chromium)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()[-2000:]
    return json.loads(report.read_text())


def failing(report: Any, category: str) -> list[str]:
    """What costs points, and how many."""
    return [
        f"{audit['title']}: {audit.get('displayValue', '')} {audit['score']}"
        for reference in report["categories"][category]["auditRefs"]
        if reference["weight"] and (audit := report["audits"][reference["id"]])["score"] not in (1, None)
    ]


@pytest.mark.parametrize("path", ["/", "/inspect/"])
async def test_the_page_scores_well(path: str, tmp_path: Path) -> None:
    chromium = require_chromium()
    packages = installed_packages(HERE / "package.json", "the page is measured by axe-core and Lighthouse")
    program = packages / "lighthouse" / "cli" / "index.js"
    async with live_server(ScriptedAnswerer(), ServerSettings(inspect=True)) as server:
        wanted = CATEGORIES
        for run in range(RUNS):
            try:
                report = await measured(program, chromium, f"{server.base_url}{path}", wanted, tmp_path)
            except AssertionError as error:
                # Its own trace of the browser was lost (NO_NAVSTART and the like): it asks to be run again.
                if "Please run Lighthouse again" not in str(error) or run == RUNS - 1:
                    raise
                continue
            low = [one for one in wanted if round(100 * report["categories"][one]["score"]) < ENOUGH]
            if low != ["performance"] or run == RUNS - 1:
                break
            wanted = ("performance",)
    assert not low, {one: (report["categories"][one]["score"], failing(report, one)) for one in low}
