"""An SDP offer as Chromium writes it, shortened to what matters, and further m-sections to add to it."""

_TRANSPORT = "\r\n".join(
    [
        "a=ice-ufrag:Kx4T",
        "a=ice-pwd:2M3kD0zqPpTz0S0kq3fW1pVv",
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 " + ":".join(f"{i:02X}" for i in range(32)),
        "a=setup:actpass",
    ]
)

CHROMIUM_OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS 5f1f2a",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=candidate:1 1 udp 2113937151 192.0.2.7 50001 typ host",
        _TRANSPORT,
        "a=mid:0",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        "a=sendrecv",
        "a=msid:5f1f2a 9b8e",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:13 CN/8000",
        "a=rtpmap:110 telephone-event/48000",
        "a=rtpmap:126 telephone-event/8000",
        "a=ssrc:2231627014 cname:4TOk42mSjXCkVIa6",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        _TRANSPORT,
        "a=mid:1",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
        "",
    ]
)


def section(kind: str, mid: str) -> str:
    """One more m-section, of video or of audio, as a browser would add it."""
    codec = "96 VP8/90000" if kind == "video" else "111 opus/48000/2"
    return "\r\n".join(
        [
            f"m={kind} 9 UDP/TLS/RTP/SAVPF {codec.split(maxsplit=1)[0]}",
            "c=IN IP4 0.0.0.0",
            _TRANSPORT,
            f"a=mid:{mid}",
            "a=sendrecv",
            "a=rtcp-mux",
            f"a=rtpmap:{codec}",
            "",
        ]
    )
