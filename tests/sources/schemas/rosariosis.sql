-- A schema of our own in the shape of RosarioSIS 12 on PostgreSQL (names and types of the columns that are read; the vendor's own file
-- is in no package registry). Moments are "timestamp without time zone", written by the application's session.
CREATE TABLE staff (syear numeric(4,0) NOT NULL, staff_id serial PRIMARY KEY, first_name varchar(50) NOT NULL, last_name varchar(50) NOT NULL,
  email varchar(255), profile varchar(30));
CREATE TABLE students (student_id serial PRIMARY KEY, last_name varchar(50) NOT NULL, first_name varchar(50) NOT NULL, custom_200000004 date);
CREATE TABLE school_gradelevels (id serial PRIMARY KEY, short_name varchar(3));
CREATE TABLE student_enrollment (id serial PRIMARY KEY, syear numeric(4,0) NOT NULL, student_id integer NOT NULL, grade_id integer, start_date date,
  end_date date);
CREATE TABLE school_marking_periods (marking_period_id serial PRIMARY KEY, start_date date NOT NULL, end_date date NOT NULL);
CREATE TABLE school_periods (period_id serial PRIMARY KEY, title varchar(100) NOT NULL, short_name varchar(10), start_time varchar(10),
  end_time varchar(10));
CREATE TABLE attendance_calendar (school_date date NOT NULL, minutes integer, calendar_id integer NOT NULL);
CREATE TABLE attendance_codes (id serial PRIMARY KEY, title text NOT NULL, short_name varchar(10), table_name integer);
CREATE TABLE courses (course_id serial PRIMARY KEY, title varchar(100) NOT NULL);
CREATE TABLE course_periods (course_period_id serial PRIMARY KEY, course_id integer NOT NULL, short_name varchar(25) NOT NULL,
  marking_period_id integer NOT NULL, teacher_id integer NOT NULL, secondary_teacher_id integer, room varchar(10), does_attendance text,
  calendar_id integer);
CREATE TABLE course_period_school_periods (course_period_id integer NOT NULL, period_id integer NOT NULL, days varchar(7));
CREATE TABLE schedule (student_id integer NOT NULL, course_period_id integer NOT NULL, start_date date NOT NULL, end_date date);
CREATE TABLE attendance_period (student_id integer NOT NULL, school_date date NOT NULL, period_id integer NOT NULL, attendance_code integer,
  attendance_teacher_code integer, attendance_reason varchar(100), admin varchar(1), course_period_id integer, comment varchar(100),
  created_at timestamp DEFAULT current_timestamp, updated_at timestamp, PRIMARY KEY (student_id, school_date, period_id));
CREATE TABLE attendance_completed (staff_id integer NOT NULL, school_date date NOT NULL, period_id integer NOT NULL, table_name integer NOT NULL,
  created_at timestamp DEFAULT current_timestamp, updated_at timestamp, PRIMARY KEY (staff_id, school_date, period_id, table_name));
CREATE TABLE people (person_id serial PRIMARY KEY, first_name varchar(50), last_name varchar(50));
CREATE TABLE people_join_contacts (id serial PRIMARY KEY, person_id integer, title varchar(100), value varchar(100));
CREATE TABLE students_join_people (id serial PRIMARY KEY, student_id integer NOT NULL, person_id integer NOT NULL, custody varchar(1),
  emergency varchar(1), student_relation varchar(100));
INSERT INTO staff VALUES (2026, 11, 'Tansy', 'Quarrelby', 'tquarrelby@school.example', 'teacher'),
  (2026, 12, 'Odo', 'Fennimore', 'ofennimore@school.example', 'teacher'), (2026, 13, 'Bryony', 'Slate', NULL, 'teacher'),
  (2026, 14, 'Ivor', 'Thrupp', 'ithrupp@school.example', 'teacher'), (2026, 15, 'Una', 'Desk', 'office@school.example', 'admin');
INSERT INTO school_gradelevels VALUES (1, '9');
INSERT INTO students VALUES (1, 'Bramblewick', 'Quilla', '2013-02-03'), (2, 'Quillfeather', 'Zoë', NULL), (3, 'Thistlecroft', 'Wren', NULL);
INSERT INTO student_enrollment (syear, student_id, grade_id, start_date, end_date) VALUES (2025, 1, 1, '2025-09-02', '2026-07-20'),
  (2026, 1, 1, '2026-09-02', NULL), (2026, 2, 1, '2026-09-02', NULL), (2026, 3, 1, '2026-09-02', '2026-11-20');
INSERT INTO school_marking_periods VALUES (1, '2026-09-02', '2026-12-18'), (2, '2026-01-05', '2026-07-20');
INSERT INTO school_periods VALUES (1, 'Morning', 'AM', '08:50', '12:00'), (2, 'Period 1', 'P1', '9:00', '10:00'), (3, 'Period 2', 'P2', '10:00', '11:00');
INSERT INTO attendance_calendar SELECT d::date, 300, 1 FROM generate_series('2026-11-16', '2026-11-23', interval '1 day') d WHERE extract(dow FROM d) BETWEEN 1 AND 5;
INSERT INTO attendance_calendar VALUES ('2026-11-24', 0, 1), ('2026-03-02', 300, 1);
INSERT INTO attendance_codes VALUES (1, 'Present', '/', 0), (2, 'No reason yet', 'N', 0), (3, 'Late', 'L', 0), (4, 'Ill', 'I', 0);
INSERT INTO courses VALUES (1, 'Form'), (2, 'Maths'), (3, 'Art');
INSERT INTO course_periods VALUES (1, 1, '9A', 1, 11, NULL, 'R1', ',0,', 1), (2, 2, 'M1', 1, 12, 13, 'R2', ',0,', 1), (3, 3, 'A1', 1, 14, NULL, 'R3', ',0,', 1),
  (4, 3, 'A2', 1, 14, NULL, 'R3', ',0,', 1), (5, 3, 'old', 2, 14, NULL, NULL, ',0,', 1), (6, 3, 'empty', 1, 14, NULL, NULL, ',0,', 1),
  (7, 3, 'club', 1, 14, NULL, NULL, NULL, 1);
INSERT INTO course_period_school_periods VALUES (1, 1, 'MTWHF'), (2, 2, 'M'), (2, 3, 'M'), (3, 2, 'M'), (4, 2, 'M'), (5, 3, 'MTWHF'), (6, 3, 'M'), (7, 3, 'M');
INSERT INTO schedule VALUES (1, 1, '2026-09-02', NULL), (2, 1, '2026-09-02', NULL), (3, 1, '2026-09-02', '2026-11-20'), (1, 2, '2026-09-02', NULL),
  (2, 2, '2026-11-23', NULL), (2, 3, '2026-09-02', '2026-11-20'), (1, 3, '2026-09-02', NULL), (2, 4, '2026-09-02', NULL);
INSERT INTO people VALUES (1, 'Aoife', 'Bramblewick'), (2, 'Bram', 'Bramblewick');
INSERT INTO people_join_contacts (person_id, title, value) VALUES (1, 'Mobile', '07700 900101'), (1, 'E-mail', 'aoife@home.example'), (2, 'Home', '0121 496 0102');
INSERT INTO students_join_people (student_id, person_id, custody, emergency, student_relation) VALUES (1, 2, NULL, 'Y', 'father'), (1, 1, 'Y', NULL, 'mother');
