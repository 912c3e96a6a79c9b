"""Which answers to our offer a call is made of, which are refused, and how; and what our offer says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.rtc import InvalidAnswer
from antiphon.rtc.local_side import LocalCandidate, LocalSide
from antiphon.rtc.offer import parse_offer
from antiphon.rtc.own_offer import SECTIONS, write_offer
from antiphon.rtc.peer_answer import Answer, parse_answer
from antiphon.rtc.sdp import Direction, Setup

FINGERPRINT = "sha-256 " + ":".join(f"{i:02X}" for i in range(32))

LOCAL = LocalSide(
    session_id=7,
    ice_ufrag="abcd",
    ice_password="p" * 22,
    fingerprints=[("sha-256", ":".join(["AB"] * 32))],
    setup=Setup.ACTPASS,
    candidates=[LocalCandidate("f1", 2113937151, "192.0.2.1", 50000), LocalCandidate("f2", 5, "2001:db8::1", 50001)],
    ssrc=5,
    cname="name",
    sctp_port=5000,
    max_message_size=1000,
)

# The shapes below are those of real servers, with addresses of nobody.
HOSTED = f"""v=0
o=- 3929123744 1763590912 IN IP4 0.0.0.0
s=-
t=0 0
a=msid-semantic:WMS*
a=fingerprint:{FINGERPRINT}
a=extmap-allow-mixed
a=group:BUNDLE 0 1
a=ice-lite
m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8
c=IN IP4 0.0.0.0
a=setup:active
a=mid:0
a=ice-ufrag:QhrsNPzYwQsTlDOs
a=ice-pwd:NRhGcMlQRgIGsrTJZSSxvCPMfsQJqzEJ
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=ssrc:2472058488 cname:realtimeapi
a=ssrc:2472058488 msid:realtimeapi audio
a=sendrecv
a=candidate:993865896 1 udp 2130706431 192.0.2.30 3478 typ host
a=candidate:993865896 2 udp 2130706431 192.0.2.30 3478 typ host
a=candidate:1889394321 1 tcp 1671430143 192.0.2.30 443 typ host tcptype passive
a=candidate:993865897 1 udp 2130706430 198.51.100.4 3478 typ host ufrag QhrsNPzY
a=end-of-candidates
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=setup:active
a=mid:1
a=sendrecv
a=sctp-port:5000
a=max-message-size:1073741823
a=ice-ufrag:QhrsNPzYwQsTlDOs
a=ice-pwd:NRhGcMlQRgIGsrTJZSSxvCPMfsQJqzEJ
""".replace("\n", "\r\n")

BROWSER = f"""v=0
o=- 6172853187482043213 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 8f0f5a4c-6d5f-4f70-a1e1-9a1a8d2d3b1c.local 50001 typ host generation 0 network-cost 999
a=ice-ufrag:Kx4T
a=ice-pwd:2M3kD0zqPpTz0S0kq3fW1pVv
a=ice-options:trickle
a=fingerprint:{FINGERPRINT}
a=setup:passive
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:Kx4T
a=ice-pwd:2M3kD0zqPpTz0S0kq3fW1pVv
a=ice-options:trickle
a=fingerprint:{FINGERPRINT}
a=setup:passive
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
""".replace("\n", "\r\n")


def test_our_own_offer_is_one_that_we_would_answer() -> None:
    offer = parse_offer(write_offer(LOCAL))
    assert [section.kind for section in offer.sections] == list(SECTIONS)
    assert (offer.audio, offer.channel, offer.bundle, offer.opus) == (0, 1, ("0", "1"), 111)
    assert offer.direction is Direction.SENDRECV
    assert offer.setup is Setup.ACTPASS
    assert [(c.address, c.port) for c in offer.candidates] == [("192.0.2.1", 50000), ("2001:db8::1", 50001)]
    assert (offer.ice_ufrag, offer.ice_password, offer.max_message_size) == ("abcd", "p" * 22, 1000)


def test_a_hosted_answer_is_read() -> None:
    answer = parse_answer(HOSTED, SECTIONS)
    assert answer.ice_lite
    assert answer.setup is Setup.ACTIVE
    assert answer.channel == 1
    assert answer.direction is Direction.SENDRECV
    assert [(c.address, c.port) for c in answer.candidates] == [("192.0.2.30", 3478), ("198.51.100.4", 3478)]
    assert answer.max_message_size == 1073741823
    assert answer.fingerprints == (("sha-256", FINGERPRINT.split()[1]),)


def test_a_browsers_answer_is_read() -> None:
    answer = parse_answer(BROWSER, SECTIONS)
    assert not answer.ice_lite
    assert answer.setup is Setup.PASSIVE
    assert answer.direction is Direction.RECVONLY
    assert answer.candidates == (), "a name that only a multicast look-up would tell is left to the peer's own checks"


def test_another_number_for_opus_is_the_peers_to_choose() -> None:
    assert parse_answer(HOSTED.replace(" 111 0 8", " 96 0 8").replace(":111 ", ":96 "), SECTIONS).opus == 96


@pytest.mark.parametrize(
    "refusing",
    [
        HOSTED.replace("m=application 9", "m=application 0"),
        HOSTED.replace("BUNDLE 0 1", "BUNDLE 0"),
        HOSTED.replace("a=group:BUNDLE 0 1\r\n", "")[::-1].replace("sOD", "xxx", 1)[::-1],
        HOSTED.replace("m=application 9 UDP/DTLS/SCTP", "m=application 9 RTP/AVP"),
    ],
    ids=["port 0", "not in the bundle", "a transport of its own", "not SCTP"],
)
def test_an_answer_may_refuse_the_data_channel(refusing: str) -> None:
    answer = parse_answer(refusing, SECTIONS)
    assert answer.channel is None
    assert answer.opus == 111


def test_an_answer_that_says_nothing_of_bundling_but_shares_its_ice_is_bundled() -> None:
    assert parse_answer(HOSTED.replace("a=group:BUNDLE 0 1\r\n", ""), SECTIONS).channel == 1


def test_a_missing_setup_means_that_the_peer_opens() -> None:
    assert parse_answer(HOSTED.replace("a=setup:active\r\n", ""), SECTIONS).setup is Setup.ACTIVE


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("Unauthorized", "line 1"),
        ('{"error": {"message": "no"}}', "line 1"),
        ("<html>", "line 1"),
        ("v=0\r\n", "sections none"),
        (HOSTED.split("m=application", maxsplit=1)[0], "our offer had audio application"),
        (HOSTED + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "audio application video"),
        (HOSTED.replace("m=audio 9", "m=video 9"), "video application"),
        (HOSTED.replace("m=audio 9", "m=audio 0"), "refused our audio"),
        (HOSTED.replace("opus/48000/2", "opus/48000"), "no Opus"),
        (HOSTED.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "no Opus"),
        (HOSTED.replace("a=rtcp-mux", "a=x"), "rtcp-mux"),
        (HOSTED.replace("a=ice-pwd", "a=x"), "ice-pwd"),
        (HOSTED.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1"), "fingerprint"),
        (HOSTED.replace("a=setup:active", "a=setup:actpass"), "setup"),
        (HOSTED.replace("a=sctp-port:5000", "a=sctp-port:x"), "sctp-port"),
        (HOSTED + "x" * 300_000, "characters"),
    ],
)
def test_what_no_call_can_be_made_of_is_refused_with_the_reason(text: str, complaint: str) -> None:
    with pytest.raises(InvalidAnswer, match=complaint):
        parse_answer(text, SECTIONS)


def taken(text: str) -> None:
    """The invariant: an Answer, or InvalidAnswer, and never any other error."""
    try:
        answer = parse_answer(text, SECTIONS)
    except InvalidAnswer:
        return
    assert isinstance(answer, Answer)
    assert answer.setup in (Setup.ACTIVE, Setup.PASSIVE)


@given(st.text(max_size=300))
def test_any_text_is_taken_or_refused(text: str) -> None:
    taken(text)
    taken("v=0\n" + text)


LINES = HOSTED.split("\r\n")


@settings(max_examples=200)
@given(st.data())
def test_any_damage_to_an_answer_is_taken_or_refused(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "garble", "cut"])):
            case "drop":
                lines = lines[:at] + lines[at + 1 :] or [""]
            case "double":
                lines.insert(at, lines[at])
            case "swap":
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case "garble":
                where = data.draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:where] + data.draw(st.text(max_size=6)) + lines[at][where + 1 :]
            case "cut":
                lines = lines[: at + 1]
    taken("\r\n".join(lines))
