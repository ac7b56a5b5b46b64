// Bounds on what the codecs take from outside. The size of a whole body is bounded by who reads it from the socket.

/** Messages within messages (protobuf), as in the C++ library that Mesos uses. Levels. */
export const PROTOBUF_DEPTH_MAX = 100;
/** Objects and arrays within each other (JSON). Levels. */
export const JSON_DEPTH_MAX = 200;
/** How much of the offending text an error message repeats. UTF-16 code units. */
export const ERROR_EXCERPT_CHARS_MAX = 256;
/** How many missing fields an error message names. */
export const MISSING_FIELDS_NAMED_MAX = 64;
/** Digits of a record's length in RecordIO: enough for any length up to 2^53. */
export const RECORD_LENGTH_DIGITS_MAX = 16;
/** Largest record that is taken unless the caller says otherwise. Bytes. */
export const RECORD_BYTES_MAX = 64 * 1024 * 1024;
