"""Mail and mailboxes."""
# ruff: noqa: E501  (samples of formats are read best unbroken)

from datetime import UTC, datetime
from email.message import EmailMessage

from worker.core.article import Rejected


def message(**headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Ada Quill <ada@wick.example>"
    mail["Subject"] = "Brücke wieder geöffnet"
    mail["Date"] = "Tue, 05 Mar 2024 10:00:00 +0100"
    mail["Message-ID"] = "<1@wick.example>"
    for name, value in headers.items():
        mail[name] = value
    mail.set_content("The bridge reopened.\n\nTraffic was light.\n")
    return mail


def test_a_mail_is_an_article(read):
    ((name, item),) = read(bytes(message()), formats=True)
    assert (name, item.headline, item.text) == (
        "mail",
        "Brücke wieder geöffnet",
        "The bridge reopened.\n\nTraffic was light.",
    )
    assert (item.external_id, item.byline, item.source) == ("1@wick.example", "Ada Quill", "wick.example")
    assert item.published_at == datetime(2024, 3, 5, 9, tzinfo=UTC)


def test_plain_goes_before_html_and_html_alone_is_read(read):
    mail = message()
    mail.add_alternative("<p>The <b>other</b> part.</p>", subtype="html")
    assert read(bytes(mail))[0].text.startswith("The bridge")
    alone = message()
    alone.set_content("<html><body><p>The <b>only</b> part.</p></body></html>", subtype="html")
    assert read(bytes(alone))[0].text == "The only part."


def test_attachments_are_read_in_their_own_right_and_pictures_are_not(read, sample):
    mail = message()
    mail.add_attachment(sample("nitf.xml"), maintype="application", subtype="xml", filename="bridge.xml")
    mail.add_attachment(b"\xff\xd8\xff", maintype="image", subtype="jpeg", filename="p.jpg")
    mail.add_attachment(b"{broken", maintype="application", subtype="json", filename="x.json")
    letter, attached, broken = read(bytes(mail), "release.eml", formats=True)
    assert (letter[0], attached[0]) == ("mail", "mail/nitf")
    assert attached[1].headline == "Harbour bridge reopens"
    assert broken[1].position == "release.eml!x.json"


def test_flowed_lines_are_joined(read):
    data = b"From: a@wick.example\nSubject: s\nContent-Type: text/plain; format=flowed; delsp=yes\n\nThe bri \ndge is open.\nNew line.\n"
    assert read(data)[0].text == "The bridge is open.\nNew line."


def test_a_form_that_mails_json_is_read_as_json(read):
    mail = message()
    mail.set_content('{"Headline": ["H"], "Body": ["The text."], "Timestamp": ["2024-03-05 10:00:00"]}')
    ((name, item),) = read(bytes(mail), formats=True)
    assert (name, item.headline, item.text) == ("mail/json/record", "H", "The text.")


def test_a_mailbox_is_read_message_by_message(read):
    box = b"".join(
        b"From ada@wick.example Tue Mar  5 10:00:00 2024\n" + bytes(message()) + b"\n>From here on\n\n"
        for _ in range(2)
    )
    items = read(
        box + b"From x@wick.example Tue Mar  5 10:00:00 2024\nFrom: x@wick.example\nSubject: empty\n\n\n", formats=True
    )
    assert [name for name, _ in items] == ["mbox"] * 3
    assert items[1][1].text.endswith("From here on")
    assert items[2][1] == Rejected("message 3", "no text")
