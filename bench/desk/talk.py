"""
What is said in a contact centre: calls as they are heard every day. Invented, all of it. Pure.

Callers are numbers or roles, never people; the numbers are those that are kept free for such use
(555-0100 to 555-0199). Call n is the same call each time.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

WORDS_A_SECOND = 2.7
UNSURE = 0.03  # of the words
AREAS = ("202", "212", "312", "415", "503", "617", "713", "808", "904", "971")
LINES = {"support": "+18885550190", "billing": "+18885550191", "orders": "+18885550192"}


@dataclass(frozen=True, slots=True)
class Topic:
    """What a call is about; ``said`` has a line for each turn of the caller (C), the agent (A)."""

    queue: str
    about: str
    said: str
    caller: str | None = None
    """A role that calls, where one is known."""
    language: str = "en"


TOPICS = (
    Topic(
        "support",
        "outage",
        """
        A Good morning, you have reached support. How can I help?
        C Hi. Our internet has been down since about six this morning. Nothing works at all.
        A I am sorry to hear that. Let me see whether there is an outage in your area.
        C We have a shop, and the card terminal needs the line. People are walking out.
        A I understand. There is an outage, reported at five fifty. A crew is on its way.
        C Any idea when it will be back? I have to tell my staff something.
        A They expect to be done by eleven. I can send you a message as soon as it is fixed.
        C Yes, please do that. And will there be something off the bill for today?
        A There will. I have put a note on your account, a day's credit comes by itself.
        C All right. Could the terminal run over the mobile network until then?
        A It can, if it has a SIM card. Look for a small drawer on the left side.
        C Hold on. Yes, there is one. Okay, it says connecting.
        """,
    ),
    Topic(
        "billing",
        "invoice",
        """
        A Billing, good afternoon. What can I do for you?
        C I am calling about the invoice of last month. It is twice what it usually is.
        A Let me take a look. May I have the customer number, please?
        C It is four four one, oh seven, nine two.
        A Thank you. I see two plans on it, the old one and the new one.
        C But I changed plans. The old one should have been gone in March.
        A You are right, it was meant to end on the first. That is our mistake.
        C So what happens with the money? It has been taken from my account already.
        A I am sending back sixty two dollars and forty cents. It takes three to five days.
        C Good. Can I have that in writing?
        A Of course. It is on its way to you by email, with the corrected invoice.
        C I see it. Thank you, that was quick.
        """,
    ),
    Topic(
        "orders",
        "late parcel",
        """
        A Orders and shipping, hello.
        C Hello. My parcel was to arrive on Tuesday, and the tracking has not moved since.
        A That is annoying, I am sorry. Do you have the order number?
        C One zero four eight two. It is a desk lamp and two shelves.
        A Got it. It is in the depot, the label came off and they could not read it.
        C So it is lost?
        A No, no. They have found it, and they are printing a new label right now.
        C I will not be at home on Friday. Can it go to the neighbour at number nine?
        A Sure. I have added that. They will leave a card in your letter box.
        C And if it is damaged? The shelves are glass.
        A Then send us a picture within two weeks and we replace it, no questions asked.
        C Perfect.
        """,
    ),
    Topic(
        "billing",
        "leaving",
        """
        A Hello, this is the customer desk.
        C Yes, I would like to cancel my contract. I have had enough, to be honest.
        A I am sorry that it came to this. May I ask what went wrong?
        C Third time this month that nobody showed up. I took a day off each time.
        A That should not happen once. I see the three appointments here.
        C If this goes on I will have my lawyer write to you. I mean it.
        A I understand. Let me offer you two things, and then you decide.
        C Go ahead, but please be brief.
        A A technician tomorrow at eight, confirmed by phone, and two months without a fee.
        C And if he does not come, I can cancel on the same day?
        A You can, without any notice. I am writing exactly that into the contract now.
        C Fine. One last time.
        """,
    ),
    Topic(
        "support",
        "prescription",
        """
        A Patient line, how may I help you?
        C This is the pharmacy at the station. We have a prescription that we cannot read.
        A One moment, I will open it. Which number does it have?
        C Seven seven three one. It could be fifteen milligrams, or fifty.
        A It is fifteen, once a day in the morning. I will ask the doctor to confirm.
        C Please do. The patient is standing right here.
        A She confirms it. Fifteen milligrams, thirty tablets, no repeat.
        C Thirty tablets, no repeat. Could you send us a clean copy?
        A It should be in your system in a minute or so.
        C There it is. Thank you very much.
        """,
        caller="Pharmacy",
    ),
    Topic(
        "orders",
        "table",
        """
        A Good evening, how can I help?
        C Good evening. I would like to book a table for two, tomorrow if that is possible.
        A Of course. At what time?
        C About eight, if you have anything by the window.
        A Let me look. Yes, there is one left, from a quarter past eight.
        C Wonderful. One of us does not eat nuts, is that a problem?
        A Not at all. I will tell the kitchen. Shall I note an allergy?
        C Yes, please, a strong one.
        A Noted. Two people, eight fifteen, by the window, no nuts.
        C Exactly. See you tomorrow.
        """,
    ),
    Topic(
        "support",
        "password",
        """
        A Service desk, hello.
        C Hi, I am locked out. It says too many attempts, and I have a meeting in ten minutes.
        A No problem, that is quickly done. Are you at your own computer?
        C I am. It is the one with the green sticker.
        A Then please read me the six digits that are on your phone now.
        C Two nine four, one one eight.
        A Thank you. You are unlocked. The new password needs twelve characters at least.
        C It does not take it. Now it says that I have used it before.
        A It keeps the last ten. A short sentence works well, with a blank or two.
        C That worked. I am in. You saved my morning.
        """,
    ),
    Topic(
        "support",
        "lift",
        """
        A Emergency line for lifts, are you inside the cabin?
        C No, I manage the building. There are two people in it, between three and four.
        A Are they well? Can you speak with them?
        C Yes, they are calm. One of them asks for water.
        A A technician is twelve minutes away. Please do not try to open the doors.
        C All right. I will stay here and talk to them.
        A Good. Is the light in the cabin on?
        C It went off just now. And the display is dark as well.
        A Then it is the supply. Please look whether a fuse has gone, in the box on your left.
        C Found it. The third one is down. Shall I?
        A Leave it, please, until the technician is there. Eight minutes.
        C Understood.
        """,
        caller="Building manager",
    ),
    Topic(
        "orders",
        "devolución",
        """
        A Buenas tardes, le atiende pedidos. ¿En qué puedo ayudarle?
        C Hola. Quiero devolver una chaqueta, me queda grande.
        A Claro. ¿Tiene el número del pedido a mano?
        C Sí, es el nueve cero tres, uno siete.
        A Gracias. ¿Prefiere otra talla, o que le devolvamos el dinero?
        C Otra talla, por favor. Una mediana, si queda en azul.
        A Queda una. Se la reservo ahora mismo.
        C Perfecto. ¿Y cómo envío la grande?
        A Le mando una etiqueta por correo. La deja en cualquier oficina.
        C Muy amable, muchas gracias.
        """,
        language="es",
    ),
    Topic(
        "support",
        "موعد",
        """
        A مرحبا، معك خدمة العملاء. كيف يمكنني مساعدتك؟
        C مرحبا. أريد تغيير موعد الصيانة من فضلك.
        A بكل سرور. ما هو رقم العقد؟
        C سبعة سبعة اثنان، أربعة.
        A شكرا. لدينا موعد يوم الخميس صباحا، هل يناسبك؟
        C نعم، هذا ممتاز. هل سيتصل الفني قبل أن يأتي؟
        A نعم، سيتصل بك قبل نصف ساعة.
        C شكرا جزيلا.
        """,
        language="ar",
    ),
    Topic(
        "billing",
        "moving",
        """
        A Hello, customer service for gas and power.
        C Hello. We are moving at the end of the month. What do you need from us?
        A The reading of the meter on the last day, and your new address.
        C The new place has a heat pump. Is there a plan for that?
        A There is, it is cheaper at night. Does it have a meter of its own?
        C I think so. There are two boxes in the basement, one says H P.
        A Then it does. I am adding it, from the first, at nineteen cents.
        C And what happens with the payment of this month?
        A It is settled with the final bill. You get back what is too much.
        C Very good. Is there anything to sign?
        A Only online. The link is good for a week.
        C Let me find my glasses. Yes, I have it.
        """,
    ),
    Topic(
        "support",
        "delivery at the gate",
        """
        A Dispatch, go ahead.
        C I am at gate four and nobody opens. The code does not work any more.
        A They changed it last night. Wait, I will call the warehouse.
        C I have ice cream in the back, so please hurry.
        A They are coming. Is it the whole load, or part of it?
        C Eleven pallets. Two of them go on to the harbour.
        A Then unload nine, and have the papers for the other two stamped.
        C Okay. The gate is moving. Who signs?
        A The shift lead, with a yellow vest. Ring me if it takes more than half an hour.
        C Will do.
        """,
        caller="Delivery driver",
    ),
    Topic(
        "support",
        "hearing aid",
        """
        A Hello, how can I help you today?
        C My hearing aid whistles whenever I am on the phone. It is doing it now.
        A I can hear it a little. Could you hold the phone a bit further away?
        C Like this? Oh, that is better.
        A Then the cap may be too small. When did you have it fitted?
        C In spring. I have lost some weight since then.
        A That would do it. We have an appointment on Thursday at ten, or at two.
        C Two is better, my bus comes at noon.
        A Two o'clock it is. Please bring the little brush along.
        C I will write that down. The brush. Thank you, dear.
        """,
    ),
)
BETWEEN = {
    "en": ("A Is there anything else that I can do for you?", "C Yes, one more thing, actually."),
    "es": ("A ¿Algo más?", "C Sí, una cosa más."),
    "ar": ("A هل من شيء آخر؟", "C نعم، شيء آخر."),
}


@dataclass(frozen=True, slots=True)
class Line:
    """What one side says without a pause; times in seconds on the call clock."""

    track: str
    start: float
    duration: float
    text: str
    unsure: frozenset[int] = field(default=frozenset())
    """Which of its words the recogniser was not sure of."""

    @property
    def end(self) -> float:
        """When its last word ends."""
        return self.start + self.duration

    def result(self, upto: float | None = None) -> dict[str, Any] | None:
        """Make the body of a result: the final one, or what is heard at some time, if anything."""
        words = self.text.split()
        step = self.duration / len(words)
        heard = len(words) if upto is None else min(len(words), int((upto - self.start) / step))
        if heard <= 0:
            return None
        timed = [
            {
                "word": word.lower().strip(".,?!¿¡،؟"),
                "punctuated_word": word,
                "start": round(self.start + step * number, 3),
                "end": round(self.start + step * (number + 1), 3),
                "confidence": 0.46 if number in self.unsure else 0.97,
            }
            for number, word in enumerate(words[:heard])
        ]
        alternative = {
            "transcript": " ".join(words[:heard]),
            "confidence": 0.96,
            "words": timed,
        }
        return {
            "type": "Results",
            "channel_index": [0 if self.track == "inbound" else 1, 2],
            "start": round(self.start, 3),
            "duration": round(step * heard, 3),
            "is_final": upto is None,
            "speech_final": upto is None,
            "channel": {"alternatives": [alternative]},
        }


@dataclass(frozen=True, slots=True)
class Talk:
    """One call of the desk, by its number: who calls whom, how long it lasts already, its words."""

    number: int
    rest: float = 0.0
    """Seconds of silence between two sentences, beside those that people make."""

    @property
    def topic(self) -> Topic:
        """What it is about at first."""
        return TOPICS[self.number % len(TOPICS)]

    @property
    def is_outbound(self) -> bool:
        """Every sixth call is one that the desk makes."""
        return self.number % 6 == 4 and self.topic.caller is None

    @property
    def customer(self) -> str:
        """The number that is not the desk's."""
        area = AREAS[self.number % len(AREAS)]
        return f"+1{area}5550{100 + self.number * 7 % 100}"

    @property
    def facts(self) -> dict[str, Any]:
        """What the call begins with: numbers, names, what an application says of it."""
        ours = LINES[self.topic.queue]
        agent = f"{self.topic.queue.capitalize()} {self.number % 9 + 1}"
        to_us = {"direction": "inbound", "from_": self.customer, "to": ours}
        by_us = {"direction": "outbound-api", "from_": ours, "to": self.customer}
        names = {"caller_name": self.topic.caller, "callee_name": agent}
        if self.is_outbound:
            names = {"caller_name": agent, "callee_name": None}
        metadata = {"queue": self.topic.queue, "about": self.topic.about}
        if self.number % 3 == 0:
            metadata["ticket"] = str(48_210 + 13 * self.number)
        return {**(by_us if self.is_outbound else to_us), **names, "metadata": metadata}

    @property
    def lasts(self) -> float:
        """For how many seconds it has been going on when the desk is looked at."""
        if self.topic.language != "en":
            return 18.0 + self.number % 20  # in one language to its end
        return 24.0 + random.Random(self.number).uniform(0, 31) ** 2  # noqa: S311  the same again

    def lines(self) -> Iterator[Line]:
        """Yield what is said, without an end: when one matter is settled, there is another."""
        source = random.Random(self.number)  # noqa: S311  the same again
        own = [topic for topic in TOPICS if topic.language == self.topic.language]
        at = 1.0
        for matter in count():
            topic = own[(own.index(self.topic) + matter * 5) % len(own)]
            turns = topic.said.strip().splitlines()
            for turn in turns if matter == 0 else [*BETWEEN[topic.language], *turns[1:]]:
                side, _, text = turn.strip().partition(" ")
                track = "inbound" if (side == "C") != self.is_outbound else "outbound"
                for sentence in sentences(text):
                    words = len(sentence.split())
                    unsure = frozenset(n for n in range(words) if source.random() < UNSURE)
                    line = Line(track, at, words / WORDS_A_SECOND, sentence, unsure)
                    yield line
                    at = line.end + source.uniform(0.1, 0.3) + self.rest
                at += source.uniform(0.2, 1.3)


def sentences(text: str) -> list[str]:
    """Part a turn as a recogniser does: at the ends of sentences, unless they are very short."""
    found: list[str] = []
    for word in text.split():
        if found and (found[-1][-1] not in ".?!؟" or len(found[-1].split()) < 3):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found
