"""The figures of compliance computed once more, by one query of its own: from the events of the history where the product reads rows."""

import json
from collections import Counter
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cme.records.tables import CaseEvent

# the words and numbers of config/school.yaml and of the tasks, written out: nothing is taken from the product. Birmingham's pack takes the
# day-one report by telephone only, so that no report in writing is required of it
QUERY = """
WITH e AS (SELECT id, subject, at, what, why, data FROM opened_event),
closed AS (SELECT subject, min(at) AS at FROM e WHERE what = 'case.closed' GROUP BY subject),
opened AS (SELECT subject, at, data->>'rule' AS rule, (at AT TIME ZONE 'Europe/London') AS wall FROM e WHERE what = 'case.opened'),
asked AS (
  SELECT o.subject, o.data->>'kind' AS kind, (o.data->>'review')::bigint AS review,
         coalesce((array_agg(h.data->>'due' ORDER BY h.id DESC) FILTER (WHERE h.id IS NOT NULL))[1], o.data->>'due')::timestamptz AS due,
         o.data->>'urgency' = 'day_one' OR count(h.id) > 0 AS urgent, o.at
  FROM e o LEFT JOIN e h ON h.what = 'review.hastened' AND h.data->>'review' = o.data->>'review'
  WHERE o.what = 'review.opened' GROUP BY o.id, o.subject, o.data, o.at),
answered AS (SELECT (data->>'review')::bigint AS review, min(at) AS at FROM e WHERE what = 'review.answered' GROUP BY 1),
voided AS (SELECT (data->>'review')::bigint AS review, min(at) AS at FROM e WHERE what = 'review.voided' GROUP BY 1),
moved AS (
  SELECT id, subject, what, at, (data->>'due')::timestamptz AS due, lead(what) OVER w AS then_what, lead(at) OVER w AS then_at, lead(id) OVER w AS then_id
  FROM e WHERE what IN ('case.approved', 'case.notified', 'case.acknowledged', 'case.back_to_dsl', 'case.returned')
  WINDOW w AS (PARTITION BY subject ORDER BY id)),
told AS (
  SELECT m.*, CASE WHEN then_what = 'case.notified' THEN then_at END AS sent, CASE WHEN then_what = 'case.acknowledged' THEN then_at END AS heard,
         coalesce((SELECT min(c.at) FROM e c WHERE c.subject = m.subject AND c.what = 'case.chased' AND c.id > m.id AND c.id < coalesce(m.then_id, 1e15)),
                  CASE WHEN then_what = 'case.back_to_dsl' THEN then_at END) AS asked,
         CASE WHEN then_what IN ('case.back_to_dsl', 'case.returned') THEN then_at END AS ended,
         CASE WHEN then_what = 'case.back_to_dsl' AND NOT EXISTS (SELECT FROM e c WHERE c.subject = m.subject AND c.what = 'case.chased' AND c.id > m.id
                   AND c.id < m.then_id) THEN NULL ELSE then_at END AS over FROM moved m),
tasks AS (
  SELECT (c.data->>'action')::bigint AS action, c.why AS kind, (c.data->>'due')::timestamptz AS due, (SELECT min(d.at) FROM e d
          WHERE d.what = 'action.done' AND d.data->>'action' = c.data->>'action') AS done FROM e c WHERE c.what = 'action.chosen'),
rows AS (
  SELECT CASE kind WHEN 'contact_outcome' THEN 'contact_outcome' WHEN 'confirmation' THEN 'confirmation'
              ELSE CASE WHEN urgent THEN 'review_day_one' ELSE 'review_routine' END END AS step, due, answered.at AS actual, voided.at AS ended
  FROM asked LEFT JOIN answered USING (review) LEFT JOIN voided USING (review) WHERE kind <> 'missing_report'
  UNION ALL
  SELECT 'absence_reported', CASE WHEN wall::time <= '12:00' THEN (wall::date + time '12:00') AT TIME ZONE 'Europe/London'
                                  WHEN wall::time <= '15:00' THEN (wall::date + time '15:00') AT TIME ZONE 'Europe/London'
                                  ELSE o.at + interval '60 minutes' END,
         (SELECT min(a.at) FROM asked a WHERE a.subject = o.subject AND a.kind IN ('contact_outcome', 'missing_report')), c.at
  FROM opened o LEFT JOIN closed c USING (subject) WHERE rule <> 'report'
  UNION ALL
  SELECT 'contact_begun', o.at + interval '60 minutes', (SELECT min(t.at) FROM e t WHERE t.subject = o.subject
         AND (t.what = 'contact.attempted' OR t.what = 'report.established' AND t.data ? 'review')), c.at
  FROM opened o LEFT JOIN closed c USING (subject)
  UNION ALL
  SELECT 'thresholds', ((data->>'reached_on')::date + time '23:59') AT TIME ZONE 'Europe/London', at, NULL FROM e WHERE what = 'finding.made'
  UNION ALL
  SELECT 'staff_report', r.at + interval '15 minutes', (SELECT min(s.at) FROM e s WHERE s.what = 'report.established' AND s.subject = r.subject
         AND s.at >= r.at), NULL FROM e r WHERE r.what = 'report.made'
  UNION ALL
  SELECT CASE WHEN kind LIKE 'Referral to children%' THEN 'referral_day_one' WHEN kind LIKE 'Strategy%' OR kind LIKE 'Section 47%'
              OR kind LIKE 'Child protection conference%' THEN 'meetings' WHEN kind LIKE '%safeguarding record' THEN 'safeguarding_record'
              ELSE 'actions' END, due, done, NULL FROM tasks
  UNION ALL
  SELECT 'appraisal', at, CASE WHEN (SELECT count(*) FROM jsonb_each_text(data->'appraisal') WHERE value IN ('Yes', 'No', 'Unknown')) = 8 THEN at END, NULL
  FROM e WHERE what = 'decision.made'
  UNION ALL
  SELECT 'notification', due, sent, NULL FROM told WHERE what IN ('case.approved', 'case.returned')
  UNION ALL
  SELECT 'acknowledgement', due, heard, ended FROM told WHERE what = 'case.notified'
  UNION ALL
  SELECT 'chase', due + interval '60 minutes', asked, over FROM told WHERE what = 'case.notified' AND (over IS NULL OR over > due + interval '60 minutes')
  UNION ALL
  SELECT 'home_school', ((data->>'day')::date + CASE data->>'session' WHEN 'AM' THEN time '12:00' ELSE time '15:00' END) AT TIME ZONE 'Europe/London',
         CASE WHEN EXISTS (SELECT FROM outbox o WHERE o.subject_of = t.subject AND o.kind = 'home_school_absence')
              THEN (SELECT min(o.sent_at) FROM outbox o WHERE o.subject_of = t.subject AND o.kind = 'home_school_absence')
              ELSE (SELECT min(c.at) FROM e c WHERE c.subject = t.subject AND c.what = 'alarm.cleared') END, NULL
  FROM e t WHERE what = 'home_school.told'),
judged AS (
  SELECT step, (due AT TIME ZONE 'Europe/London')::date AS day, CASE
           WHEN actual <= due THEN 'on time' WHEN actual > due THEN 'late' WHEN ended <= due THEN 'withdrawn' WHEN due <= :now THEN 'late'
           ELSE 'not due yet' END AS verdict, actual IS NULL AND ended IS NULL AND due <= :now AS waiting FROM rows
  UNION ALL
  SELECT 'registers', x.local_date, CASE WHEN v.verdict = 'on time' THEN 'on time' WHEN v.verdict IS NOT NULL THEN 'late'
           WHEN x.starts_at + interval '10 minutes' <= :now THEN 'unknown' ELSE 'not due yet' END,
         v.verdict = 'overdue' AND NOT EXISTS (SELECT FROM register_version r WHERE r.local_date = x.local_date AND r.slot = x.slot
                                               AND r.group_key = x.group_key AND r.status = 'taken')
  FROM expected_register x LEFT JOIN register_verdict v USING (school, local_date, kind, slot, group_key) WHERE x.required)
SELECT step, date_trunc('week', day)::date AS week, verdict, count(*), count(*) FILTER (WHERE waiting) FROM judged
WHERE day BETWEEN :first AND :last GROUP BY 1, 2, 3
"""


def figures(session: Session, first: date, last: date, now: datetime) -> tuple[Counter[tuple[str, date, str]], Counter[str]]:
    """How many by (step, Monday of the week, verdict), and how many of each step are late and not done yet."""
    _open_events(session)
    counted: Counter[tuple[str, date, str]] = Counter()
    waiting: Counter[str] = Counter()
    for step, week, verdict, number, open_ones in session.execute(text(QUERY), {"first": first, "last": last, "now": now}):
        counted[step, week, verdict] += number
        waiting[step] += open_ones
    return counted, +waiting


def _open_events(session: Session) -> None:
    """The events in the open for this transaction, since what people typed is sealed in the history."""
    rows = [{"id": e.id, "subject": e.subject, "at": e.at, "what": e.what, "why": e.why, "data": json.dumps(e.data)}
            for e in session.execute(select(CaseEvent.id, CaseEvent.subject, CaseEvent.at, CaseEvent.what, CaseEvent.why, CaseEvent.data))]
    session.execute(text("DROP TABLE IF EXISTS opened_event"))
    session.execute(text("CREATE TEMP TABLE opened_event (id bigint, subject text, at timestamptz, what text, why text, data jsonb) ON COMMIT DROP"))
    if rows:
        session.execute(text("INSERT INTO opened_event VALUES (:id, :subject, :at, :what, :why, cast(:data AS jsonb))"), rows)
    session.execute(text("ANALYZE opened_event"))
