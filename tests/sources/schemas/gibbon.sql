-- A schema of our own in the shape of Gibbon 30 (names and types of the columns that are read; the vendor's own file is in no package
-- registry)
CREATE TABLE gibbonSchoolYear (gibbonSchoolYearID int(3) unsigned zerofill PRIMARY KEY, status enum('Past', 'Current', 'Upcoming') NOT NULL);
CREATE TABLE gibbonYearGroup (gibbonYearGroupID int(3) unsigned zerofill PRIMARY KEY, nameShort varchar(4) NOT NULL);
CREATE TABLE gibbonFormGroup (gibbonFormGroupID int(5) unsigned zerofill PRIMARY KEY, nameShort varchar(8) NOT NULL);
CREATE TABLE gibbonPerson (gibbonPersonID int(10) unsigned zerofill PRIMARY KEY, surname varchar(60) NOT NULL, preferredName varchar(60) NOT NULL, dob date,
  email varchar(75), phone1 varchar(20), status enum('Full', 'Expected', 'Left', 'Pending Approval') NOT NULL, dateStart date, dateEnd date);
CREATE TABLE gibbonStaff (gibbonPersonID int(10) unsigned zerofill NOT NULL);
CREATE TABLE gibbonStudentEnrolment (gibbonPersonID int(10) unsigned zerofill NOT NULL, gibbonSchoolYearID int(3) unsigned zerofill NOT NULL,
  gibbonYearGroupID int(3) unsigned zerofill NOT NULL, gibbonFormGroupID int(5) unsigned zerofill NOT NULL);
CREATE TABLE gibbonCourse (gibbonCourseID int(8) unsigned zerofill PRIMARY KEY, nameShort varchar(12) NOT NULL);
CREATE TABLE gibbonCourseClass (gibbonCourseClassID int(8) unsigned zerofill PRIMARY KEY, gibbonCourseID int(8) unsigned zerofill NOT NULL,
  nameShort varchar(8) NOT NULL, attendance enum('Y', 'N') NOT NULL);
CREATE TABLE gibbonCourseClassPerson (gibbonCourseClassID int(8) unsigned zerofill NOT NULL, gibbonPersonID int(10) unsigned zerofill NOT NULL,
  role enum('Student', 'Teacher', 'Assistant', 'Technician', 'Parent', 'Student - Left', 'Teacher - Left') NOT NULL);
CREATE TABLE gibbonSpace (gibbonSpaceID int(10) unsigned zerofill PRIMARY KEY, name varchar(30) NOT NULL);
CREATE TABLE gibbonTTColumnRow (gibbonTTColumnRowID int(8) unsigned zerofill PRIMARY KEY, nameShort varchar(4) NOT NULL, timeStart time NOT NULL, timeEnd time NOT NULL);
CREATE TABLE gibbonTTDayDate (gibbonTTDayID int(10) unsigned zerofill NOT NULL, date date NOT NULL);
CREATE TABLE gibbonTTDayRowClass (gibbonTTDayRowClassID int(12) unsigned zerofill PRIMARY KEY, gibbonTTColumnRowID int(8) unsigned zerofill NOT NULL,
  gibbonTTDayID int(10) unsigned zerofill NOT NULL, gibbonCourseClassID int(8) unsigned zerofill NOT NULL, gibbonSpaceID int(10) unsigned zerofill);
CREATE TABLE gibbonTTDayRowClassException (gibbonTTDayRowClassID int(12) unsigned zerofill NOT NULL, gibbonPersonID int(10) unsigned zerofill NOT NULL);
CREATE TABLE gibbonAttendanceCode (gibbonAttendanceCodeID int(3) unsigned zerofill PRIMARY KEY, name varchar(30) NOT NULL, nameShort varchar(4) NOT NULL);
CREATE TABLE gibbonAttendanceLogCourseClass (gibbonAttendanceLogCourseClassID int(14) unsigned zerofill AUTO_INCREMENT PRIMARY KEY,
  gibbonCourseClassID int(8) unsigned zerofill NOT NULL, gibbonTTDayRowClassID int(12) unsigned zerofill, gibbonPersonIDTaker int(10) unsigned zerofill NOT NULL, date date,
  timestampTaken timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
CREATE TABLE gibbonAttendanceLogPerson (gibbonAttendanceLogPersonID int(14) unsigned zerofill AUTO_INCREMENT PRIMARY KEY,
  gibbonAttendanceCodeID int(3) unsigned zerofill, gibbonPersonID int(10) unsigned zerofill NOT NULL, type varchar(30) NOT NULL, comment varchar(255) NOT NULL DEFAULT '',
  context enum('Form Group', 'Class', 'Person', 'Future', 'Self Registration') NOT NULL, date date, gibbonPersonIDTaker int(10) unsigned zerofill NOT NULL,
  gibbonCourseClassID int(8) unsigned zerofill, gibbonTTDayRowClassID int(12) unsigned zerofill, timestampTaken timestamp NULL);
CREATE TABLE gibbonStaffCoverage (gibbonStaffCoverageID int(14) unsigned zerofill PRIMARY KEY, status enum('Requested', 'Accepted', 'Declined', 'Cancelled') NOT NULL,
  gibbonPersonIDCoverage int(10) unsigned zerofill);
CREATE TABLE gibbonStaffCoverageDate (gibbonStaffCoverageID int(14) unsigned zerofill NOT NULL, date date NOT NULL, foreignTable varchar(60), foreignTableID int(14));
CREATE TABLE gibbonFamilyChild (gibbonFamilyID int(7) unsigned zerofill NOT NULL, gibbonPersonID int(10) unsigned zerofill NOT NULL);
CREATE TABLE gibbonFamilyAdult (gibbonFamilyID int(7) unsigned zerofill NOT NULL, gibbonPersonID int(10) unsigned zerofill NOT NULL, contactPriority int(2) NOT NULL,
  contactCall enum('Y', 'N') NOT NULL, contactEmail enum('Y', 'N') NOT NULL);
CREATE TABLE gibbonFamilyRelationship (gibbonFamilyID int(7) unsigned zerofill NOT NULL, gibbonPersonID1 int(10) unsigned zerofill NOT NULL,
  gibbonPersonID2 int(10) unsigned zerofill NOT NULL, relationship varchar(50) NOT NULL);
INSERT INTO gibbonSchoolYear VALUES (24, 'Past'), (25, 'Current');
INSERT INTO gibbonYearGroup VALUES (9, 'Y09');
INSERT INTO gibbonFormGroup VALUES (1, '9A');
INSERT INTO gibbonPerson VALUES (1, 'Bramblewick', 'Quilla', '2013-02-03', NULL, NULL, 'Full', '2025-09-02', NULL), (2, 'Quillfeather', 'Zoë', NULL, NULL, NULL, 'Full', NULL, NULL),
  (3, 'Thistlecroft', 'Wren', NULL, NULL, NULL, 'Left', NULL, '2026-11-20'), (11, 'Quarrelby', 'Tansy', NULL, 'tquarrelby@school.example', NULL, 'Full', NULL, NULL),
  (12, 'Fennimore', 'Odo', NULL, 'ofennimore@school.example', NULL, 'Full', NULL, NULL), (13, 'Slate', 'Bryony', NULL, NULL, NULL, 'Full', NULL, NULL),
  (14, 'Gone', 'Teacher', NULL, NULL, NULL, 'Left', NULL, NULL), (21, 'Bramblewick', 'Aoife', NULL, 'aoife@home.example', '07700 900101', 'Full', NULL, NULL);
INSERT INTO gibbonStaff VALUES (11), (12), (13), (14);
INSERT INTO gibbonStudentEnrolment VALUES (1, 24, 9, 1), (1, 25, 9, 1), (2, 25, 9, 1), (3, 25, 9, 1);
INSERT INTO gibbonCourse VALUES (1, 'FORM'), (2, 'MA'), (3, 'ART');
INSERT INTO gibbonCourseClass VALUES (1, 1, '9A', 'Y'), (2, 2, '1', 'Y'), (3, 3, '1', 'Y'), (4, 3, '2', 'N');
INSERT INTO gibbonCourseClassPerson VALUES (1, 1, 'Student'), (1, 2, 'Student'), (1, 3, 'Student'), (1, 11, 'Teacher'), (2, 1, 'Student'), (2, 2, 'Student'), (2, 12, 'Teacher'),
  (2, 13, 'Teacher'), (2, 14, 'Teacher'), (3, 3, 'Student'), (3, 12, 'Teacher'), (4, 1, 'Student');
INSERT INTO gibbonSpace VALUES (1, 'R1'), (2, 'R2');
INSERT INTO gibbonTTColumnRow VALUES (1, 'AM', '08:50', '12:00'), (2, 'P1', '09:00', '10:00'), (3, 'P2', '10:00', '11:00');
INSERT INTO gibbonTTDayDate VALUES (1, '2026-11-23'), (1, '2026-11-16');
INSERT INTO gibbonTTDayRowClass VALUES (101, 1, 1, 1, 1), (102, 2, 1, 2, 2), (103, 3, 1, 2, 2), (104, 3, 1, 3, 1), (105, 3, 1, 4, 1);
INSERT INTO gibbonTTDayRowClassException VALUES (103, 2);
INSERT INTO gibbonAttendanceCode VALUES (1, 'Present', 'P'), (2, 'Present - Late', 'PL'), (4, 'Absent', 'A');
INSERT INTO gibbonStaffCoverage VALUES (1, 'Accepted', 11), (2, 'Declined', 12);
INSERT INTO gibbonStaffCoverageDate VALUES (1, '2026-11-23', 'gibbonTTDayRowClass', 103), (2, '2026-11-23', 'gibbonTTDayRowClass', 101);
INSERT INTO gibbonFamilyChild VALUES (1, 1);
INSERT INTO gibbonFamilyAdult VALUES (1, 21, 1, 'Y', 'Y');
INSERT INTO gibbonFamilyRelationship VALUES (1, 21, 1, 'Mother')
