-- What the revisions of tests/conformance find: values of every kind to copy, a place for them, a place to write down what was seen.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE given (id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, t text, vc varchar(20), ch char(5), by bytea,
    d date, ti time, ts timestamp, tz timestamptz, iv interval, u uuid, js json, jb jsonb, ta text[], ia int8[], e mood, ip inet, r int4range, dom positive);
CREATE TABLE taken (LIKE given INCLUDING ALL);
CREATE TABLE seen (key text PRIMARY KEY, value text);
CREATE TABLE people (id int8 PRIMARY KEY, name text, phone text, n int8, first text, last text, digits text);

INSERT INTO given VALUES
    (1, true, 1, 2, 3, 0.5, 1.25, 12.50, 'plain', 'varying', 'abc', '\x00ff10', '2026-11-28', '12:34:56.789', '2026-11-28 12:34:56.789012',
     '2026-11-28 12:34:56.789012+02', '1 day 02:03:04.5', '00112233-4455-6677-8899-aabbccddeeff', '{"a": [1, 2.5, "x", null, true]}', '{"b": {"c": []}}',
     '{a,b}', '{1,2}', 'ok', '192.168.0.1/24', '[1,10)', 5),
    (2, false, -32768, -2147483648, -9223372036854775808, '-Infinity', '-Infinity', -12345678901234567890.123456789, '', '', '', '', '0044-03-15 BC', '00:00',
     '0001-01-01 00:00:00', '-infinity', '-178000000 years', '00000000-0000-0000-0000-000000000000', '{"n": null}', '[null]', '{}', '{}', 'sad', '::1', 'empty', 1),
    (3, true, 32767, 2147483647, 9223372036854775807, 'Infinity', 'Infinity', 'NaN', E'quotes '' " \\ newline\n tab\t end', 'ünïcödé', 'ab', '\xdeadbeef', 'infinity',
     '24:00:00', 'infinity', 'infinity', '3 mons -2 days +00:00:00.000001', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '["\u00e9\ud83d\ude00"]', '[]',
     '{NULL,"","it''s",NULL,"a,b","{}"}', '{NULL,9223372036854775807,-1}', 'it''s', '10.0.0.0/8', '[5,)', 2147483647),
    (4, NULL, 0, 0, 9007199254740993, 'NaN', 'NaN', 1e30, 'emoji 😀 and 漢字 and a￿', '😀', 'é', decode(repeat('00', 1000), 'hex'), '12345-06-07', '23:59:59.999999',
     '12345-06-07 08:09:10.111213', '0044-03-15 10:00:00+00 BC', '-1 mon +1 day -00:00:01', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '[100000, 2.5, 12345678]', '{"": ""}',
     '{"\\\\","\""}', '{9007199254740993}', 'sad', '0.0.0.0/0', '(,)', 7),
    (5, true, -1, -1, -9007199254740993, 1e-30, 5e-324, 0.000000000000000000000000000001, repeat('long ', 5000), 'x', 'x', '\x0a', '2000-01-01', '00:00:00.000001',
     '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00+00', '00:00:00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', '{}', '{"zero": 0}', '{"one"}', '{0}', 'ok', '255.255.255.255',
     '[-5,-4)', 3),
    (6, true, 1, 1, 1, 3.4028235e38, 1.7976931348623157e308, 100, 'x', 'x', 'x', '\x01', '0001-01-01', '01:02:03', '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00',
     '1 year 2 mons', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13', '[true]', '[[false]]', '{x}', '{1}', 'ok', '1.2.3.4', '[1,2)', 1),
    (7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- Every row has a blank in its name, or no name; ids reach beyond 2^53.
INSERT INTO people (id, name, phone)
SELECT CASE WHEN n > 2400 THEN 9007199254740992 + n ELSE n END,
       CASE WHEN n % 10 = 0 THEN NULL WHEN n % 7 = 3 THEN 'Zoë ' || n || ' van der 漢字' ELSE 'First' || n || ' Last' || n END,
       CASE WHEN n % 13 = 0 THEN NULL ELSE '+49 (' || n || ') 12-34' END
FROM generate_series(1, 2500) n;
