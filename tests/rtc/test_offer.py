"""SDP offers: what is taken up, what is left out, what is refused, and that nothing else can happen."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.rtc import InvalidOffer
from antiphon.rtc.answer import chosen_setup, write_answer
from antiphon.rtc.local_side import LocalCandidate, LocalSide
from antiphon.rtc.offer import Offer, parse_offer
from antiphon.rtc.sdp import Direction, Setup
from sdp_samples import CHROMIUM_OFFER, section

LOCAL = LocalSide(
    session_id=1,
    ice_ufrag="abcd",
    ice_password="p" * 22,
    fingerprints=[("sha-256", "AA:BB")],
    setup=Setup.ACTIVE,
    candidates=[LocalCandidate("f1", 2130706431, "192.0.2.1", 50000)],
    ssrc=7,
    cname="c",
    sctp_port=5000,
    max_message_size=1000,
)


def media_lines(sdp: str) -> list[str]:
    return [line for line in sdp.split("\r\n") if line.startswith("m=")]


def test_a_browsers_offer_is_taken_up() -> None:
    offer = parse_offer(CHROMIUM_OFFER)
    assert (offer.audio, offer.channel, offer.opus) == (0, 1, 111)
    assert offer.direction is Direction.SENDRECV
    assert offer.setup is Setup.ACTPASS
    assert offer.max_message_size == 262_144
    assert offer.bundle == ("0", "1")
    assert [c.address for c in offer.candidates] == ["192.0.2.7"]


def test_names_and_tcp_are_left_out_of_the_candidates() -> None:
    text = CHROMIUM_OFFER.replace(
        "a=candidate:1 1 udp 2113937151 192.0.2.7 50001 typ host",
        "a=candidate:1 1 udp 2113937151 0b9f1c.local 50001 typ host\r\n"
        "a=candidate:2 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active\r\n"
        "a=candidate:3 2 udp 2113937150 192.0.2.7 50002 typ host\r\n"
        "a=candidate:4 1 udp 2113937151 0.0.0.0 50001 typ host\r\n"
        "a=candidate:5 1 udp 2113937151 224.0.0.1 50001 typ host\r\n"
        "a=candidate:6 1 udp 2113937151 192.0.2.7 0 typ host\r\n"
        "a=candidate:7 1 udp 2113937151 fe80::1%eth0 50001 typ host\r\n"
        "a=candidate:this is none\r\n"
        "a=candidate:8 1 UDP 2113937151 2001:db8::7 50001 typ srflx raddr 10.0.0.1 rport 9 generation 0",
    )
    assert [(c.address, c.kind) for c in parse_offer(text).candidates] == [("2001:db8::7", "srflx")]


@pytest.mark.parametrize(
    ("written", "ours"),
    [("sendrecv", "sendrecv"), ("recvonly", "sendonly"), ("sendonly", "recvonly"), ("inactive", "inactive")],
)
def test_the_answers_direction_mirrors_the_offers(written: str, ours: str) -> None:
    offer = parse_offer(CHROMIUM_OFFER.replace("a=sendrecv", f"a={written}", 1))
    answer = write_answer(offer, LOCAL)
    assert f"a={ours}" in answer.split("m=application")[0].split("\r\n")


def test_only_opus_is_answered_with_its_parameters() -> None:
    answer = write_answer(parse_offer(CHROMIUM_OFFER), LOCAL)
    assert media_lines(answer) == [
        "m=audio 50000 UDP/TLS/RTP/SAVPF 111",
        "m=application 50000 UDP/DTLS/SCTP webrtc-datachannel",
    ]
    assert "a=fmtp:111 minptime=10;useinbandfec=1\r\n" in answer
    assert [line for line in answer.split("\r\n") if line.startswith("a=rtpmap")] == ["a=rtpmap:111 opus/48000/2"]
    assert "a=group:BUNDLE 0 1\r\n" in answer
    assert "a=max-message-size:1000\r\n" in answer


def test_further_sections_are_refused_in_their_place() -> None:
    text = CHROMIUM_OFFER.replace("BUNDLE 0 1", "BUNDLE 0 1 2 3") + section("video", "2") + section("audio", "3")
    answer = write_answer(parse_offer(text), LOCAL)
    assert media_lines(answer)[2:] == ["m=video 0 UDP/TLS/RTP/SAVPF 96", "m=audio 0 UDP/TLS/RTP/SAVPF 111"]
    assert "a=group:BUNDLE 0 1\r\n" in answer


def test_a_video_section_that_tags_the_bundle_stays_inactive() -> None:
    head, audio = CHROMIUM_OFFER.split("m=audio")
    text = head.replace("BUNDLE 0 1", "BUNDLE v 0 1") + section("video", "v") + "m=audio" + audio
    offer = parse_offer(text)
    answer = write_answer(offer, LOCAL)
    assert (offer.audio, offer.channel) == (1, 2)
    assert media_lines(answer)[0] == "m=video 50000 UDP/TLS/RTP/SAVPF 96"
    assert "a=inactive" in answer.split("m=audio")[0]
    assert "a=group:BUNDLE v 0 1\r\n" in answer


def test_without_a_data_channel_there_is_still_a_call() -> None:
    text = CHROMIUM_OFFER.split("m=application")[0].replace("BUNDLE 0 1", "BUNDLE 0")
    offer = parse_offer(text)
    assert offer.channel is None
    assert len(media_lines(write_answer(offer, LOCAL))) == 1


def test_a_data_channel_on_a_transport_of_its_own_is_refused() -> None:
    offer = parse_offer(CHROMIUM_OFFER.replace("BUNDLE 0 1", "BUNDLE 0"))
    assert offer.channel is None
    assert media_lines(write_answer(offer, LOCAL))[1].startswith("m=application 0 ")


def test_a_refused_audio_section_is_passed_over_for_the_next() -> None:
    head, rest = CHROMIUM_OFFER.split("m=audio 9")
    text = head.replace("BUNDLE 0 1", "BUNDLE 0 1 2") + "m=audio 0" + rest + section("audio", "2")
    assert parse_offer(text).audio == 2


def test_bare_newlines_and_session_level_credentials_will_do() -> None:
    lines = CHROMIUM_OFFER.split("\r\n")
    moved = [line for line in lines if line.startswith(("a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"))]
    rest = [line for line in lines if line not in moved]
    at = next(i for i, line in enumerate(rest) if line.startswith("m="))
    text = "\n".join(rest[:at] + moved[: len(moved) // 2] + rest[at:])
    assert replace(parse_offer(text), sections=()) == replace(parse_offer(CHROMIUM_OFFER), sections=())


def test_we_open_the_dtls_handshake_unless_the_peer_does() -> None:
    assert chosen_setup(parse_offer(CHROMIUM_OFFER)) is Setup.ACTIVE
    assert chosen_setup(parse_offer(CHROMIUM_OFFER.replace("a=setup:actpass", "a=setup:active"))) is Setup.PASSIVE


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("hello", "line 1"),
        ('{"sdp": "v=0"}', "line 1"),
        ("v=1\r\n", "v=0"),
        ("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", "no audio section"),
        (CHROMIUM_OFFER.split("m=audio")[0] + section("video", "0"), "no audio section"),
        (CHROMIUM_OFFER.replace("m=audio 9", "m=audio 0"), "no audio section"),
        (CHROMIUM_OFFER.replace("opus/48000/2", "speex/16000"), "Opus"),
        (CHROMIUM_OFFER.replace("UDP/TLS/RTP/SAVPF 111", "RTP/AVP 111"), "Opus"),
        (CHROMIUM_OFFER.replace("a=ice-ufrag:", "a=x-ufrag:"), "ice-ufrag"),
        (CHROMIUM_OFFER.replace("a=ice-pwd:", "a=ice-pwd:short\r\na=x:"), "ice-pwd"),
        (CHROMIUM_OFFER.replace("a=rtcp-mux", "a=rtcp-no"), "rtcp-mux"),
        (CHROMIUM_OFFER.replace("a=fingerprint:sha-256", "a=fingerprint:md5"), "fingerprint"),
        (CHROMIUM_OFFER.replace("a=setup:actpass", "a=setup:holdconn"), "setup"),
        (CHROMIUM_OFFER.replace("a=sctp-port:5000", "a=sctp-port:99999"), "sctp-port"),
        (CHROMIUM_OFFER.replace("a=max-message-size:262144", "a=max-message-size:-1"), "max-message-size"),
        (CHROMIUM_OFFER.replace("m=audio 9", "m=audio"), "m-line"),
        (CHROMIUM_OFFER + "x" * 300_000, "characters"),
        (CHROMIUM_OFFER + section("video", "9") * 70, "media sections"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(text: str, complaint: str) -> None:
    with pytest.raises(InvalidOffer, match=complaint):
        parse_offer(text)


def answered(text: str) -> None:
    """The invariant of this room: an Offer that can be answered, or InvalidOffer."""
    try:
        offer = parse_offer(text)
    except InvalidOffer:
        return
    assert isinstance(offer, Offer)
    answer = write_answer(offer, LOCAL)
    assert len(media_lines(answer)) == len(offer.sections)
    assert all(line[1] == "=" for line in answer.split("\r\n")[:-1])


@given(st.text(max_size=300))
def test_any_text_is_answered_or_refused(text: str) -> None:
    answered(text)
    answered("v=0\n" + text)


LINES = CHROMIUM_OFFER.split("\r\n")
ATTRIBUTES = st.sampled_from(sorted({line.split(":")[0] for line in LINES if line}))


@settings(max_examples=300)
@given(st.data())
def test_any_damage_to_an_offer_is_answered_or_refused(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "garble", "replace", "cut"])):
            case "drop":
                del lines[at]
                lines = lines or [""]
            case "double":
                lines.insert(at, lines[at])
            case "swap":
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case "garble":
                where = data.draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:where] + data.draw(st.text(max_size=6)) + lines[at][where + 1 :]
            case "replace":
                lines[at] = f"{data.draw(ATTRIBUTES)}:{data.draw(st.text(max_size=40))}"
            case "cut":
                lines = lines[: at + 1]
    answered("\r\n".join(lines))
