"""Mails as they come back from the servers of the field, about a message of ours."""

OURS = "<0123456789abcdef01234567@school.example>"
OFFICER = "cme.officer@la.example"


def dsn(action: str = "failed", status: str = "5.1.1", diagnostic: str = f"smtp; 550 5.1.1 <{OFFICER}>: no such person", *, original: str = OURS,
        headers_only: bool = True, sender: str = "MAILER-DAEMON@mail.school.example", number: int = 1) -> bytes:
    """A report in the form of RFC 3464, as Postfix and Exim write it."""
    returned = f"From: cme@school.example\r\nTo: {OFFICER}\r\nSubject: CME referral CME-2026-0001\r\nMessage-ID: {original}\r\n"
    kind = "text/rfc822-headers" if headers_only else "message/rfc822"
    return (f"Return-Path: <>\r\nFrom: Mail Delivery System <{sender}>\r\nTo: cme@school.example\r\nSubject: Undelivered Mail Returned to Sender\r\n"
            f"Message-ID: <report.{number}@mail.school.example>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=\"=b\"\r\n\r\n"
            "--=b\r\nContent-Type: text/plain\r\n\r\nThis is the mail system.\r\n\r\n"
            "--=b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.school.example\r\nArrival-Date: Mon, 23 Nov 2026 09:30:00 +0000\r\n\r\n"
            f"Final-Recipient: rfc822; {OFFICER}\r\nAction: {action}\r\nStatus: {status}\r\nDiagnostic-Code: {diagnostic}\r\n\r\n"
            f"--=b\r\nContent-Type: {kind}\r\n\r\n{returned}\r\n{'' if headers_only else 'The text.'}\r\n--=b--\r\n").encode()


def exchange(original: str = OURS) -> bytes:
    """As Microsoft 365 writes it: the report, and the message in full, inside base64 parts."""
    return (f"From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@la.example>\r\nTo: cme@school.example\r\n"
            "Subject: Undeliverable: CME referral CME-2026-0001\r\nMessage-ID: <ndr-1@prod.outlook.example>\r\nAuto-Submitted: auto-replied\r\n"
            f"In-Reply-To: {original}\r\nReferences: {original}\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>Your message</p>\r\n"
            "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;AM0PR01.prod.outlook.example\r\n\r\n"
            f"Final-Recipient: rfc822;{OFFICER}\r\nAction: failed\r\nStatus: 5.2.2\r\nDiagnostic-Code: smtp;554 5.2.2 mailbox full\r\n\r\n"
            f"--x\r\nContent-Type: message/rfc822\r\n\r\nFrom: cme@school.example\r\nMessage-ID: {original}\r\nSubject: s\r\n\r\ntext\r\n--x--\r\n").encode()


def qmail(original: str = OURS) -> bytes:
    """A bounce that is no standard report: the returned message stands in the text."""
    return (f"Return-Path: <>\r\nFrom: MAILER-DAEMON@la.example\r\nTo: cme@school.example\r\nSubject: failure notice\r\nMessage-ID: <q1@la.example>\r\n\r\n"
            f"Hi. This is the qmail-send program at la.example.\r\nI'm afraid I wasn't able to deliver your message.\r\n\r\n<{OFFICER}>:\r\n"
            "Sorry, no mailbox here by that name. (#5.1.1)\r\n\r\n--- Below this line is a copy of the message.\r\n\r\n"
            f"From: cme@school.example\r\nMessage-ID: {original}\r\nSubject: CME referral CME-2026-0001\r\n").encode()


def old_delay(original: str = OURS) -> bytes:
    """A warning of an older Exim, as plain text."""
    return (f"Return-Path: <>\r\nFrom: Mail Delivery System <Mailer-Daemon@mail.school.example>\r\nTo: cme@school.example\r\n"
            "Subject: Warning: message 1abcde-000000-00 delayed 24 hours\r\nMessage-ID: <w1@mail.school.example>\r\nAuto-Submitted: auto-replied\r\n\r\n"
            f"A message that you sent has not yet been delivered after 24 hours.\r\n    Message-ID: {original}\r\n").encode()


def written(*, sender: str = OFFICER, subject: str = "RE: CME referral CME-2026-0001", answers: str = OURS, number: int = 1, more: str = "",
            text: str = "Thank you, our reference is BCC-77.") -> bytes:
    """A mail that somebody wrote; ``more`` headers, each ended by CR LF."""
    quoted = f"In-Reply-To: {answers}\r\nReferences: {answers}\r\n" if answers else ""
    return (f"From: P. Officer <{sender}>\r\nTo: cme@school.example\r\nSubject: {subject}\r\nMessage-ID: <reply-{number}@la.example>\r\n{quoted}{more}"
            f"\r\n{text}\r\n").encode()
