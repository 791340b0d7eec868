"""What is a paragraph of prose in some language: names of languages, scripts, marks, and the paragraphs of pages."""

import html
import re
from collections.abc import Iterator

# Languages as the gold data writes them, by their locale in lower case.
LANGUAGES = {
    "zh_cn": "zh-Hans", "zh": "zh-Hans", "zh_hans": "zh-Hans", "zh_sg": "zh-Hans", "cmn_hans": "zh-Hans",
    "zh_tw": "zh-Hant", "zh_hk": "zh-Hant", "zh_hant": "zh-Hant", "cmn_hant": "zh-Hant", "pt_br": "pt-BR", "fa_af": "prs",
    "sr": "sr-Cyrl", "sr_cyrl": "sr-Cyrl", "sr_ec": "sr-Cyrl", "sr@latin": "sr-Latn", "sr_latn": "sr-Latn", "sr_el": "sr-Latn",
    "sr@ijekavianlatin": "sr-Latn", "sr@ijekavian": "sr-Cyrl", "no": "nb", "iw": "he", "tl": "fil", "kmr": "ku", "kmr_latn": "ku",
    "c": "en", "arb": "ar", "pes": "fa", "cmn": "zh-Hans", "ekk": "et", "lvs": "lv", "khk": "mn", "swh": "sw", "als": "sq",
    "plt": "mg", "uzn": "uz", "azj": "az", "nob": "nb", "mww": "hmn", "pbt": "ps", "gaz": "om", "fuc": "ff", "kr": "ko",
    "cat": "ca", "hau": "ha", "nds_nl": "nds-NL",
}  # fmt: skip
# The usual script of a language is not named.
USUAL = {"az-latn", "bs-latn", "ku-latn", "tk-latn", "uz-latn", "kk-cyrl", "mn-cyrl", "tg-cyrl", "tt-cyrl", "ug-arab"}
NO_LANGUAGE = {"apt", "mul", "qqq", "und", "usr", "zxx"}
LOCALE = re.compile(r"C|[a-z]{2,3}(?:[_-](?:[A-Z]{2}|[a-z]{2}|[A-Za-z]{4}))?(?:\.UTF-8)?(?:@[a-z]+)?")
TERRITORY = re.compile(r"[_-](?:[A-Z]{2}|[a-z]{2})$")

# Written without spaces between sentences, and often without marks at their ends.
DENSE = {"zh-Hans", "zh-Hant", "ja", "yue", "lzh", "wuu", "hak"}
UNMARKED = {"th", "lo", "km", "my", "bo", "dz"}
# Shortest paragraph, in scripts with and without spaces or as dense; longest one.
SHORTEST, SHORTEST_DENSE, LONGEST = 40, 15, 3000
SCRIPTS = {
    "CYRILLIC": "ab ba be bg bxr ce crh-Cyrl cv kk kv ky mhr mk mn mrj myv os ru sah sr-Cyrl tg tt tyv udm uk",
    "ARABIC": "ar arz ckb fa prs ps sd ug ur", "DEVANAGARI": "bh hi mr ne sa mai", "BENGALI": "as bn", "GREEK": "el",
    "HEBREW": "he yi", "ETHIOPIC": "am ti", "GEORGIAN": "ka", "ARMENIAN": "hy", "TAMIL": "ta", "TELUGU": "te", "THAI": "th",
    "KANNADA": "kn", "MALAYALAM": "ml", "GUJARATI": "gu", "GURMUKHI": "pa", "ORIYA": "or", "SINHALA": "si", "KHMER": "km",
    "LAO": "lo", "MYANMAR": "my", "TIBETAN": "bo dz", "HANGUL": "ko", "CJK": "zh-Hans zh-Hant yue lzh", "JAPANESE": "ja",
}  # fmt: skip
RANGES = {
    "CYRILLIC": "\u0400-\u052f", "ARABIC": "\u0600-\u06ff", "DEVANAGARI": "\u0900-\u097f", "BENGALI": "\u0980-\u09ff",
    "GREEK": "\u0370-\u03ff\u1f00-\u1fff", "HEBREW": "\u0590-\u05ff", "ETHIOPIC": "\u1200-\u139f", "GEORGIAN": "\u10a0-\u10ff",
    "ARMENIAN": "\u0530-\u058f", "TAMIL": "\u0b80-\u0bff", "TELUGU": "\u0c00-\u0c7f", "THAI": "\u0e00-\u0e7f",
    "KANNADA": "\u0c80-\u0cff", "MALAYALAM": "\u0d00-\u0d7f", "GUJARATI": "\u0a80-\u0aff", "GURMUKHI": "\u0a00-\u0a7f",
    "ORIYA": "\u0b00-\u0b7f", "SINHALA": "\u0d80-\u0dff", "KHMER": "\u1780-\u17ff", "LAO": "\u0e80-\u0eff",
    "MYANMAR": "\u1000-\u109f", "TIBETAN": "\u0f00-\u0fff", "HANGUL": "\uac00-\ud7af\u1100-\u11ff", "CJK": "\u3400-\u9fff",
    "JAPANESE": "\u3040-\u30ff\u3400-\u9fff",
}  # fmt: skip
SCRIPT_OF = {lang: re.compile(f"[{RANGES[name]}]") for name, langs in SCRIPTS.items() for lang in langs.split()}
NOT_LATIN = re.compile("[" + "".join(RANGES.values()) + "]")

MARKUP = re.compile(
    r"[{}<>|\\$=#_~*^@]|%\w|%\(|\[\[|''|::|--|https?:|www\.|&[A-Za-z#]|\w/\w+/|\.\w+\(|\(\)|^[-•]|\s[.,。、](?:\s|$)|\s\s"
    r"|[◀▶►\ufffd\x00-\x1f]"
)
CLOSING = r"[\"'”’»«“)\]』」）]*"
END = re.compile(rf"[.!?…。！？؟۔।॥።፧៕๛‼⁉՞։]{CLOSING}$|፡፡$")
OPEN = re.compile(r"[,;:،؛፣፤、；：]$")
INNER = re.compile(rf"[.!?…:;؟۔।॥።፧៕։፡]{CLOSING}\s|[。！？]")
LETTER = re.compile(r"[^\W\d_]")
WORD = re.compile(r"[^\W\d_]+")
ENGLISH = set(
    WORD.findall("the of and to is you for with that this are be it from can or as your by an have will not was")
)

BLOCKS = "p|li|dd|dt|para|simpara|desc|div|td|tr|table|ul|ol|dl|pre|br|h[1-6]|section|item|steps|list|note|figure|media|blockquote"
LEFT_OUT = re.compile(
    r"<(pre|script|style|screen|programlisting|table|nav|footer|head|info|title)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL
)
PARAGRAPH = re.compile(
    rf"<(?:p|li|dd|para|simpara|desc|div)\b(?:[^>]*[^/>])?>([^<]*(?:<(?!/?(?:{BLOCKS})\b)[^<]*)*)", re.IGNORECASE
)
TAG = re.compile("<[^>]*>")


def language(locale: str) -> str:
    """The code of the gold data for a locale, "" for none: zh_CN -> zh-Hans, de_DE.UTF-8 -> de, sr@latin -> sr-Latn."""
    if not LOCALE.fullmatch(locale):
        return ""
    plain = locale.replace(".UTF-8", "")
    if (known := LANGUAGES.get(plain.replace("-", "_").lower())) is not None:
        return known
    plain, _, variant = plain.partition("@")
    if variant not in ("", "valencia"):
        return ""
    name, _, script = TERRITORY.sub("", plain).replace("_", "-").partition("-")
    if name in NO_LANGUAGE:
        return ""
    if f"{name}-{script}".lower() in USUAL or not script:
        return LANGUAGES.get(name, name)
    return f"{name}-{script.title() if len(script) == 4 and script != 'tara' else script}"


def paragraphs(page: str) -> Iterator[str]:
    """The paragraphs and list items of a page of HTML, Mallard or DocBook, without their tags."""
    for match in PARAGRAPH.finditer(LEFT_OUT.sub("", page)):
        yield " ".join(html.unescape(TAG.sub("", match[1])).split())


def unwrapped(text: str, space: str) -> list[str]:
    """Paragraphs: a line that ends with a final mark ends one."""
    parts: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        for number, line in enumerate(filter(None, (" ".join(line.split()) for line in block.split("\n")))):
            if number and not END.search(parts[-1]):
                parts[-1] += space + line
            else:
                parts.append(line)
    return parts


def is_prose(text: str, lang: str) -> bool:
    """Whether a paragraph is a clean one of the language: no markup or placeholder, its script, and no English elsewhere."""
    shortest = SHORTEST_DENSE if lang in DENSE or lang in ("ko", "th") else SHORTEST
    if not shortest <= len(text) <= LONGEST or MARKUP.search(text) or text.upper() == text != text.lower():
        return False
    if script := SCRIPT_OF.get(lang):
        return len(script.findall(text)) > 0.5 * sum(not c.isspace() for c in text)
    if len(LETTER.findall(text)) < 0.6 * len(text):
        return False
    foreign = len(NOT_LATIN.findall(text))
    words = WORD.findall(text.lower())
    if len(words) < 6 or foreign > 0.1 * len(text):
        return lang not in ("en", "de") and foreign > 0.5 * len(text)
    return lang == "en" or sum(word in ENGLISH for word in words) < 0.2 * len(words)
