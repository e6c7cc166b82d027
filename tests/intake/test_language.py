import pytest

from evokd.intake.language import guess_language

SAMPLES = {
    "en": "Where is the parcel that you sent to me in March, and who has it now?",
    "de": "Wo ist das Paket, das ihr mir im März geschickt habt, und wer hat es jetzt?",
    "fr": "Où est le colis que vous avez envoyé à ma mère et qui ne vient pas ?",
    "es": "¿Dónde está el paquete que me enviaron en marzo y por qué no llega?",
    "it": "Dove è il pacco che mi avete mandato a marzo, e perché non arriva alla mia casa?",
    "pt": "Onde está o pacote que não chegou para mim e por que foi mandado com uma semana de atraso?",
    "nl": "Waar is het pakket dat ik in maart heb besteld en dat niet naar mijn huis is gekomen?",
    "pl": "Gdzie jest moje zamówienie i dlaczego nie ma go od tygodnia, jak to możliwe?",
    "sv": "Var är paketet som ni skickade till min mor, och när kan vi få det?",
    "ru": "Где посылка, которую вы отправили в марте?",
    "zh": "我三月份订的包裹现在在哪里?",
    "ja": "三月に注文した荷物はどこにありますか。",
    "ko": "3월에 주문한 소포가 어디에 있나요?",
}


@pytest.mark.parametrize(("language", "text"), SAMPLES.items(), ids=SAMPLES.keys())
def test_main_languages_are_told_apart(language: str, text: str) -> None:
    assert guess_language([text]) == language


def test_what_tells_nothing_is_no_guess() -> None:
    assert guess_language(["12345", "???"]) is None
    assert guess_language(["xkcd qwrt zzz brrr"]) is None
    assert guess_language([]) is None
