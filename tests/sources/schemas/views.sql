-- A school's own system, and the five views that its administrator makes for us (docs/registers-csv.md#your-own-views).
CREATE TABLE attendance_codes (id int PRIMARY KEY);
CREATE TABLE own_marks (day date, half text, period text, class text, pupil int, code text, taken timestamp, teacher text);
CREATE TABLE own_lessons (day date, half text, period text, class text, teacher text, stands_in text, room text, suspended boolean);
CREATE TABLE own_pupils (id int, first text, last text, born date, joined date, gone date, care boolean);
INSERT INTO own_marks VALUES ('2026-11-23', 'AM', NULL, '9A', 1, '/', '2026-11-23 09:04', 'TQA'), ('2026-11-23', 'AM', NULL, '9A', 2, NULL, NULL, NULL),
  ('2026-11-20', NULL, 'P1', 'Maths', 3, 'N', '2026-11-20 09:20', 'OFE');
INSERT INTO own_lessons VALUES ('2026-11-23', 'AM', NULL, '9A', 'TQA', NULL, 'R1', false), ('2026-11-23', NULL, 'P1', 'Maths', 'TQA', NULL, 'R2', true),
  ('2026-11-23', NULL, 'P2', 'Maths', 'TQA', 'OFE', 'R2', false), ('2026-11-23', NULL, 'P2', 'Maths', 'XYZ', NULL, 'R3', false);
INSERT INTO own_pupils VALUES (1, 'Quilla', 'Bramblewick', '2013-02-03', '2024-09-02', NULL, true), (2, 'Ivo', 'Thimblewick', '2013-05-06', NULL, NULL, false),
  (3, 'Una', 'Marrowby', '2012-01-01', '2023-09-04', '2026-11-20', false);
CREATE VIEW cme_registers AS SELECT day AS date, CASE WHEN period IS NULL THEN 'session' ELSE 'lesson' END AS kind, half AS session, period AS slot,
  class AS "group", pupil AS pupil_id, code AS mark, taken AS taken_at, teacher AS taken_by FROM own_marks;
CREATE VIEW cme_expected AS SELECT day AS date, CASE WHEN period IS NULL THEN 'session' ELSE 'lesson' END AS kind, half AS session, period AS slot,
  class AS "group", time '09:00' AS starts, time '09:50' AS ends, teacher AS staff, stands_in AS cover, room AS rooms, NOT suspended AS required,
  CASE WHEN suspended THEN 'suspended' END AS not_required_reason FROM own_lessons;
CREATE VIEW cme_pupils AS SELECT id AS pupil_id, first AS forename, last AS surname, born AS date_of_birth, joined AS admitted, gone AS "left",
  CASE WHEN care THEN 'looked after' END AS flags FROM own_pupils;
