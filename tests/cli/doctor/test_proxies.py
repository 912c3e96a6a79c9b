"""What the proxy variables mean for calls."""

from __future__ import annotations

import pytest

from antiphon.cli.doctor.findings import Status
from antiphon.cli.doctor.network import check_proxy


@pytest.mark.parametrize(
    ("environment", "status", "words"),
    [
        ({}, Status.OK, "No proxy variable"),
        ({"HTTPS_PROXY": "http://proxy.example:3128"}, Status.WARN, "no WebRTC"),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, Status.WARN, "differ"),
        ({"HTTPS_PROXY": "http://"}, Status.FAIL, "HTTPS_PROXY is no address"),
        ({"all_proxy": "http://proxy.example:99999"}, Status.FAIL, "all_proxy is no address"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example"}, Status.OK, "go straight"),
    ],
)
async def test_each_is_told(environment: dict[str, str], status: Status, words: str) -> None:
    found = await check_proxy(environment, "host.example")
    assert any(finding.status is status and words in finding.message for finding in found), found


async def test_a_password_in_an_address_is_not_shown() -> None:
    found = await check_proxy({"https_proxy": "http://me:secret-word@proxy.example:1"}, None)
    assert "secret-word" not in str(found)
    assert "proxy.example" in str(found)
