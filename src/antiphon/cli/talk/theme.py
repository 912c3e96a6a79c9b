"""The page's colours as two themes of the terminal. The tokens are those of `web/tokens.css`; a test holds them so."""

from __future__ import annotations

from dataclasses import dataclass

from textual.theme import Theme


@dataclass(frozen=True, slots=True)
class Tokens:
    """Colours by what they are for, as hexadecimal."""

    paper: str
    card: str
    ink: str
    soft: str
    line: str
    you: str
    them: str
    good: str
    warn: str
    bad: str


LIGHT = Tokens(
    paper="#FBFAF7",
    card="#FFFFFF",
    ink="#1B1D22",
    soft="#5B6069",
    line="#E3E0D8",
    you="#9A4B12",
    them="#0B6472",
    good="#1F7A3E",
    warn="#8A5A00",
    bad="#B3261E",
)
DARK = Tokens(
    paper="#111318",
    card="#1A1D24",
    ink="#ECEAE4",
    soft="#A3A8B3",
    line="#2B2F39",
    you="#F2A65A",
    them="#5CC8D7",
    good="#6FCF8E",
    warn="#F0C05A",
    bad="#FF8A80",
)
TOKENS = {"antiphon-light": LIGHT, "antiphon-dark": DARK}


def theme(name: str) -> Theme:
    """A theme of the terminal's interface. name: of `TOKENS`."""
    tokens = TOKENS[name]
    return Theme(
        name=name,
        primary=tokens.them,
        secondary=tokens.you,
        accent=tokens.them,
        foreground=tokens.ink,
        background=tokens.paper,
        surface=tokens.paper,
        panel=tokens.card,
        success=tokens.good,
        warning=tokens.warn,
        error=tokens.bad,
        dark=tokens is DARK,
        variables={
            "you": tokens.you,
            "them": tokens.them,
            "soft": tokens.soft,
            "line": tokens.line,
            "card": tokens.card,
            "ink": tokens.ink,
            "border": tokens.line,
            "footer-background": tokens.paper,
            "footer-key-foreground": tokens.them,
            "footer-key-background": tokens.paper,
            "footer-description-foreground": tokens.soft,
            "footer-description-background": tokens.paper,
            "footer-item-background": tokens.paper,
            "input-selection-background": f"{tokens.them} 30%",
            "scrollbar": tokens.line,
            "scrollbar-hover": tokens.soft,
            "scrollbar-active": tokens.soft,
            "scrollbar-background": tokens.paper,
            "scrollbar-background-hover": tokens.paper,
            "scrollbar-background-active": tokens.paper,
            "scrollbar-corner-color": tokens.paper,
        },
    )
