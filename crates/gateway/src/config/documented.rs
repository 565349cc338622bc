//! What a key is for is said once: by the documentation of the field that it fills.

/// A struct that a table of a file is read into.
pub(super) trait Documented {
    /// The lines of its own documentation.
    const ABOUT: &'static [&'static str];

    /// Its fields, with the lines of theirs.
    const FIELDS: FieldDocs;
}

/// Fields by name, with the lines of their documentation.
pub(super) type FieldDocs = &'static [(&'static str, &'static [&'static str])];

/// Makes a struct [`Documented`]. It stays as it is written.
macro_rules! documented {
    (
        $(#[doc = $about:literal])+
        #[derive($($derive:ident),+)]
        $(#[$attribute:ident])*
        $visible:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $field_visible:vis $field:ident: $type:ty,
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive($($derive),+)]
        $(#[$attribute])*
        $visible struct $name {
            $(
                $(#[doc = $doc])*
                $field_visible $field: $type,
            )+
        }

        impl $crate::config::documented::Documented for $name {
            const ABOUT: &'static [&'static str] = &[$($about),+];
            const FIELDS: $crate::config::documented::FieldDocs =
                &[$((stringify!($field), &[$($doc),*])),+];
        }
    };
}
pub(super) use documented;
