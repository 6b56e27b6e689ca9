//! The table of conversions between [`Value`] and Rust types.

use super::{Date, Interval, Json, Numeric, Time, Timestamp, Timestamptz, Uuid, Value};

/// What a cell can be read into.
pub trait FromValue: Sized {
    /// The type as error messages name it.
    const NAME: &'static str;

    /// None where the value does not fit: NULL (but for `Option`), another type, a type that is wider.
    fn from_value(value: Value) -> Option<Self>;
}

impl FromValue for Value {
    const NAME: &'static str = "Value";

    fn from_value(value: Value) -> Option<Self> {
        Some(value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const NAME: &'static str = T::NAME;

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// So that `params![name]` works with what a loop or a pattern borrowed.
impl<T: Clone + Into<Value>> From<&T> for Value {
    fn from(value: &T) -> Self {
        value.clone().into()
    }
}

macro_rules! from_value {
    ($($type:ty: $($pattern:pat => $result:expr),+;)+) => { $(
        impl FromValue for $type {
            const NAME: &'static str = stringify!($type);

            fn from_value(value: Value) -> Option<Self> {
                match value { $($pattern => Some($result),)+ _ => None }
            }
        }
    )+ };
}

from_value! {
    bool: Value::Boolean(x) => x;
    i16: Value::Int2(x) => x;
    i32: Value::Int2(x) => x.into(), Value::Int4(x) => x;
    i64: Value::Int2(x) => x.into(), Value::Int4(x) => x.into(), Value::Int8(x) => x;
    f32: Value::Float4(x) => x;
    f64: Value::Float4(x) => x.into(), Value::Float8(x) => x;
    String: Value::Text(x) | Value::Numeric(x) | Value::Uuid(x) | Value::Json(x) | Value::Jsonb(x) => x;
    Vec<u8>: Value::Bytea(x) => x;
    Numeric: Value::Numeric(x) => Numeric(x);
    Uuid: Value::Uuid(x) => Uuid(x);
    Json: Value::Json(x) | Value::Jsonb(x) => Json(x);
    Date: Value::Date(x) => Date(x);
    Time: Value::Time(x) => Time(x);
    Timestamp: Value::Timestamp(x) => Timestamp(x);
    Timestamptz: Value::Timestamptz(x) => Timestamptz(x);
    Interval: Value::Interval(x) => x;
    Vec<Option<String>>: Value::TextArray(x) => x;
    Vec<Option<i64>>: Value::Int8Array(x) => x;
}

impl FromValue for Vec<String> {
    const NAME: &'static str = "Vec<String>";

    fn from_value(value: Value) -> Option<Self> {
        Vec::<Option<String>>::from_value(value)?.into_iter().collect()
    }
}

impl FromValue for Vec<i64> {
    const NAME: &'static str = "Vec<i64>";

    fn from_value(value: Value) -> Option<Self> {
        Vec::<Option<i64>>::from_value(value)?.into_iter().collect()
    }
}

macro_rules! into_value {
    ($($type:ty: $name:pat => $result:expr;)+) => { $(
        impl From<$type> for Value {
            fn from($name: $type) -> Self {
                $result
            }
        }
    )+ };
}

into_value! {
    bool: x => Self::Boolean(x);
    i16: x => Self::Int2(x);
    u8: x => Self::Int2(x.into());
    i32: x => Self::Int4(x);
    u16: x => Self::Int4(x.into());
    i64: x => Self::Int8(x);
    u32: x => Self::Int8(x.into());
    f32: x => Self::Float4(x);
    f64: x => Self::Float8(x);
    &str: x => Self::Text(x.into());
    String: x => Self::Text(x);
    char: x => Self::Text(x.into());
    &[u8]: x => Self::Bytea(x.into());
    Vec<u8>: x => Self::Bytea(x);
    Numeric: Numeric(x) => Self::Numeric(x);
    Uuid: Uuid(x) => Self::Uuid(x);
    // One newtype for two types of the server: text is what fits both.
    Json: Json(x) => Self::Text(x);
    Date: Date(x) => Self::Date(x);
    Time: Time(x) => Self::Time(x);
    Timestamp: Timestamp(x) => Self::Timestamp(x);
    Timestamptz: Timestamptz(x) => Self::Timestamptz(x);
    Interval: x => Self::Interval(x);
    Vec<Option<String>>: x => Self::TextArray(x);
    Vec<String>: x => Self::TextArray(x.into_iter().map(Some).collect());
    Vec<&str>: x => Self::TextArray(x.into_iter().map(|x| Some(x.into())).collect());
    Vec<Option<i64>>: x => Self::Int8Array(x);
    Vec<i64>: x => Self::Int8Array(x.into_iter().map(Some).collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromValue + PartialEq + std::fmt::Debug>(value: impl Into<Value>, expected: Option<T>) {
        assert_eq!(T::from_value(value.into()), expected);
    }

    #[test]
    fn widening_reads_narrowing_does_not() {
        check(7_i16, Some(7_i64));
        check(7_i32, Some(7_i64));
        check(7_i64, None::<i32>);
        check(1.5_f32, Some(1.5_f64));
        check(1.5_f64, None::<f32>);
        check("7", None::<i64>);
    }

    #[test]
    fn null_is_read_by_options_only() {
        check(None::<i64>, Some(None::<i64>));
        check(None::<i64>, None::<i64>);
        check(Some("a"), Some(Some(String::from("a"))));
        check(None::<String>, Some(Value::Null));
    }

    #[test]
    fn text_forms_and_newtypes() {
        check(Numeric("1.10".into()), Some(Numeric("1.10".into())));
        check(Numeric("1.10".into()), Some(String::from("1.10")));
        check(Value::Jsonb("{}".into()), Some(Json("{}".into())));
        check(Uuid("x".into()), None::<Json>);
        let borrowed = &String::from("borrowed");
        check(borrowed, Some(String::from("borrowed")));
        check(&[1_u8, 2][..], Some(vec![1_u8, 2]));
        check(vec!["a", "b"], Some(vec![String::from("a"), String::from("b")]));
        check(vec![Some(1_i64), None], None::<Vec<i64>>);
        check(vec![Some(1_i64), None], Some(vec![Some(1_i64), None]));
    }
}
