//! Messages for the person who watches the run: functions that take a text, and the macros `debug!`, `info!`,
//! `notice!`, `warning!` that format one as `println!` does. 10 MiB a run; more ends it.

use crate::raw::wmigrate::migration::log::{Level, message};
use std::fmt::Arguments;

/// Shown with `-v` only.
pub fn debug(text: &str) {
    message(Level::Debug, text);
}

/// An ordinary message.
pub fn info(text: &str) {
    message(Level::Info, text);
}

/// Something worth reading.
pub fn notice(text: &str) {
    message(Level::Notice, text);
}

/// Something that should be looked at after the run.
pub fn warning(text: &str) {
    message(Level::Warning, text);
}

/// What the macros call. A text without parameters is not copied.
#[doc(hidden)]
pub fn write(function: fn(&str), text: Arguments<'_>) {
    match text.as_str() {
        Some(text) => function(text),
        None => function(&std::fmt::format(text)),
    }
}

/// Formats and logs a message that is shown with `-v` only.
#[macro_export]
macro_rules! debug {
    ($($text:tt)+) => { $crate::log::write($crate::log::debug, ::core::format_args!($($text)+)) };
}

/// Formats and logs an ordinary message.
#[macro_export]
macro_rules! info {
    ($($text:tt)+) => { $crate::log::write($crate::log::info, ::core::format_args!($($text)+)) };
}

/// Formats and logs something worth reading.
#[macro_export]
macro_rules! notice {
    ($($text:tt)+) => { $crate::log::write($crate::log::notice, ::core::format_args!($($text)+)) };
}

/// Formats and logs something that should be looked at after the run.
#[macro_export]
macro_rules! warning {
    ($($text:tt)+) => { $crate::log::write($crate::log::warning, ::core::format_args!($($text)+)) };
}
