-- A schema of our own in the shape of openSIS Classic 9 (names and types of the columns that are read; the vendor's own file is in no
-- package registry)
CREATE TABLE staff (staff_id int AUTO_INCREMENT PRIMARY KEY, first_name varchar(100), last_name varchar(100), email varchar(100), profile varchar(30));
CREATE TABLE students (student_id int AUTO_INCREMENT PRIMARY KEY, last_name varchar(50) NOT NULL, first_name varchar(50) NOT NULL, birthdate varchar(255));
CREATE TABLE school_gradelevels (id int AUTO_INCREMENT PRIMARY KEY, short_name varchar(5));
CREATE TABLE student_enrollment (id int AUTO_INCREMENT PRIMARY KEY, syear numeric(4,0), student_id numeric, grade_id numeric, start_date date, end_date date);
CREATE TABLE school_periods (period_id int AUTO_INCREMENT PRIMARY KEY, short_name varchar(10), start_time time NOT NULL, end_time time NOT NULL);
CREATE TABLE rooms (room_id int AUTO_INCREMENT PRIMARY KEY, title varchar(50) NOT NULL);
CREATE TABLE attendance_calendar (school_date date NOT NULL, minutes numeric, calendar_id numeric NOT NULL);
CREATE TABLE attendance_codes (id int AUTO_INCREMENT PRIMARY KEY, title varchar(100), short_name varchar(10));
CREATE TABLE courses (course_id int AUTO_INCREMENT PRIMARY KEY, title varchar(100));
CREATE TABLE course_periods (course_period_id int AUTO_INCREMENT PRIMARY KEY, course_id numeric NOT NULL, short_name text, begin_date date, end_date date,
  teacher_id int, secondary_teacher_id int, calendar_id int);
CREATE TABLE course_period_var (id int AUTO_INCREMENT PRIMARY KEY, course_period_id int NOT NULL, days varchar(7), course_period_date date, period_id int NOT NULL,
  start_time time, end_time time, room_id int NOT NULL, does_attendance varchar(1));
CREATE TABLE schedule (student_id numeric NOT NULL, course_period_id numeric NOT NULL, start_date date NOT NULL, end_date date);
CREATE TABLE attendance_period (student_id numeric NOT NULL, school_date date NOT NULL, period_id numeric NOT NULL, attendance_code numeric,
  attendance_teacher_code numeric, attendance_reason varchar(100), admin varchar(1), course_period_id numeric, comment varchar(100),
  last_updated timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (student_id, school_date, course_period_id, period_id));
CREATE TABLE attendance_completed (staff_id numeric NOT NULL, school_date date NOT NULL, period_id numeric NOT NULL, course_period_id int NOT NULL,
  substitute_staff_id numeric, is_taken_by_substitute_staff char(1), last_updated timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE people (staff_id int AUTO_INCREMENT PRIMARY KEY, first_name varchar(100), last_name varchar(100), home_phone varchar(100), work_phone varchar(100),
  cell_phone varchar(100), email varchar(100));
CREATE TABLE students_join_people (id int AUTO_INCREMENT PRIMARY KEY, student_id numeric NOT NULL, person_id numeric NOT NULL, emergency_type varchar(100),
  relationship varchar(100) NOT NULL);
INSERT INTO staff VALUES (11, 'Tansy', 'Quarrelby', 'tquarrelby@school.example', 'teacher'), (12, 'Odo', 'Fennimore', 'ofennimore@school.example', 'teacher'),
  (13, 'Bryony', 'Slate', NULL, 'teacher');
INSERT INTO school_gradelevels VALUES (1, '9');
INSERT INTO students VALUES (1, 'Bramblewick', 'Quilla', '2013-02-03'), (2, 'Quillfeather', 'Zoë', NULL), (3, 'Thistlecroft', 'Wren', NULL);
INSERT INTO student_enrollment (syear, student_id, grade_id, start_date, end_date) VALUES (2025, 1, 1, '2025-09-02', '2026-07-20'),
  (2026, 1, 1, '2026-09-02', NULL), (2026, 2, 1, '2026-09-02', NULL), (2026, 3, 1, '2026-09-02', '2026-11-20');
INSERT INTO school_periods VALUES (1, 'AM', '08:50', '12:00'), (2, 'P1', '09:00', '10:00'), (3, 'P2', '10:00', '11:00');
INSERT INTO rooms VALUES (1, 'R1'), (2, 'R2');
INSERT INTO attendance_calendar VALUES ('2026-11-20', 300, 1), ('2026-11-23', 300, 1), ('2026-11-24', 0, 1);
INSERT INTO attendance_codes VALUES (1, 'Present', '/'), (2, 'No reason yet', 'N'), (3, 'Late', 'L');
INSERT INTO courses VALUES (1, 'Form'), (2, 'Maths'), (3, 'Art');
INSERT INTO course_periods VALUES (1, 1, '9A', '2026-09-02', '2026-12-18', 11, NULL, 1), (2, 2, 'M1', '2026-09-02', '2026-12-18', 12, 13, 1),
  (3, 3, 'old', '2026-01-05', '2026-07-20', 12, NULL, 1), (4, 3, 'empty', '2026-09-02', '2026-12-18', 12, NULL, 1);
INSERT INTO course_period_var (course_period_id, days, course_period_date, period_id, start_time, end_time, room_id, does_attendance) VALUES
  (1, 'MTWHF', NULL, 1, NULL, NULL, 1, 'Y'), (2, 'M', NULL, 2, '09:05', '10:00', 2, 'Y'), (2, NULL, '2026-11-23', 3, NULL, NULL, 2, 'Y'),
  (3, 'MTWHF', NULL, 3, NULL, NULL, 1, 'Y'), (4, 'M', NULL, 3, NULL, NULL, 1, 'Y'), (4, 'M', NULL, 2, NULL, NULL, 1, 'N');
INSERT INTO schedule VALUES (1, 1, '2026-09-02', NULL), (2, 1, '2026-09-02', NULL), (3, 1, '2026-09-02', '2026-11-20'), (1, 2, '2026-09-02', NULL), (2, 2, '2026-09-02', NULL);
INSERT INTO people VALUES (1, 'Aoife', 'Bramblewick', NULL, NULL, '07700 900101', 'aoife@home.example'), (2, 'Bram', 'Bramblewick', '0121 496 0102', NULL, NULL, NULL);
INSERT INTO students_join_people (student_id, person_id, emergency_type, relationship) VALUES (1, 2, 'Secondary', 'father'), (1, 1, 'Primary', 'mother')
