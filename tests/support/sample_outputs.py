"""Outputs of three sizes in four languages, as Markdown."""

from __future__ import annotations

from itertools import count
from typing import Final

SIZES: Final = (200, 3_000, 60_000)

_TEXTS: Final = {
    "English": (
        "Summer campaign: fifty riders on ten evening rides",
        (
            "The shop offers ten guided evening rides between June and August, for beginners.",
            "Each ride starts at the shop, takes ninety minutes, and ends at the lake.",
            "A rider who comes three times gets a free check of brakes, chain and lights.",
            "Posters hang in the library, at both schools and in the cafés near the river.",
        ),
        ("Objectives", "Talent assignments", "Content calendar", "Key messages", "Distribution"),
    ),
    "German": (
        "Sommerkampagne: fünfzig Teilnehmende auf zehn Feierabendrunden",
        (
            "Das Fahrradfachgeschäft bietet zwischen Juni und August zehn Feierabendrunden an.",
            "Verkehrssicherheitsüberprüfungen sind für Mehrfachteilnehmende kostenlos.",
            "Jede Runde beginnt am Geschäft, dauert neunzig Minuten und endet am See.",
            "Die Öffentlichkeitsarbeitsverantwortliche informiert Bibliothek und Schulen.",
        ),
        ("Zielsetzungen", "Aufgabenverteilung", "Veröffentlichungskalender", "Kernbotschaften"),
    ),
    "Japanese": (
        "夏のキャンペーン:十回の夕方サイクリングに五十人",
        (
            "当店は六月から八月まで、初心者向けの夕方サイクリングを十回開催します。",
            "出発は店の前で、所要時間は九十分、湖のほとりで解散します。",
            "三回参加した方には、ブレーキとチェーンとライトの点検を無料で行います。",
            "ポスターは図書館と二つの学校、川沿いのカフェに掲示します。",
        ),
        ("目的", "担当者", "投稿カレンダー", "主なメッセージ", "配布方法"),
    ),
    "Arabic": (
        "حملة الصيف: خمسون راكبًا في عشر جولات مسائية",
        (
            "ينظم المتجر عشر جولات مسائية للمبتدئين بين شهري يونيو وأغسطس.",
            "تبدأ كل جولة من أمام المتجر وتستغرق تسعين دقيقة وتنتهي عند البحيرة.",
            "من يشارك ثلاث مرات يحصل على فحص مجاني للمكابح والسلسلة والأضواء.",
            "تُعلّق الملصقات في المكتبة والمدرستين والمقاهي القريبة من النهر.",
        ),
        ("الأهداف", "توزيع المهام", "تقويم المحتوى", "الرسائل الرئيسية", "التوزيع"),
    ),
}

LANGUAGES: Final = tuple(_TEXTS)


def sample_output(language: str, size: int) -> str:
    """Markdown of `size` characters: a title, and paragraphs under headings."""
    title, sentences, headings = _TEXTS[language]
    parts = [f"# {title}"]
    for number in count():
        parts.append(f"## {headings[number % len(headings)]}")
        parts.append(" ".join(sentences[(number + n) % len(sentences)] for n in range(4)))
        if sum(map(len, parts)) > size:
            return "\n\n".join(parts)[:size]
    raise AssertionError("unreachable")


def sample_question(language: str) -> str:
    return {
        "English": "Is this the campaign that we want to run this summer?",
        "German": "Ist das die Kampagne, die wir diesen Sommer veröffentlichen wollen?",
        "Japanese": "この夏に実施するキャンペーンとして承認しますか?",
        "Arabic": "هل هذه هي الحملة التي نريد إطلاقها هذا الصيف؟",
    }[language]
