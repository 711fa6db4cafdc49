"""Phrases of the first version, which the code and the documentation no longer use."""

import re

PHRASES = re.compile(
    r"\b(?:is|are|was|were|be|been|being) (?:told|asked|had|said)\b"
    r"|\b(?:told|hears|heard)\b"
    r"|\b(?:network|model|solver|reader|test|table|file|it) (?:says|knows|hears|asks|tells)\b"
    r"|\b(?:somebody|nobody|everybody|anybody)\b"
    r"|\bfrom nothing\b"
    r"|\bas (?:large|long|many|short|far) as (?:asked|wanted)\b"
    r"|\bof one's own\b|\bof yours\b"
    r"|\bso (?:many|long|short|far)\b(?! as| that)"
    r"|\bone (?:number|channel|row|line|key|vector|value) an? [a-z]+\b"
    r"|\bcan(?:not)? be had\b|\bto be had\b"
    r"|\bstands? (?:beside|where)\b"
    r"|\bwho (?:is|are|asks|asked|was|walks) (?:asked|looked|meant)\b"
    r"|\bhas the last word\b|\bwhat there is\b|\bwhat is left\b|\bwhat is open\b"
    r"|\bsays so\b|\bsaid so\b|\bin our words\b"
    r"|\bthe house\b|\bthe rooms?\b",
    re.IGNORECASE,
)
