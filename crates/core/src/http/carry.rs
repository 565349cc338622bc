use crate::{Call, Carry};

/// In the request's extensions, which a clone of the request shares.
impl<B> Carry for http::Request<B> {
    fn call(&self) -> Option<&Call> {
        self.extensions().get()
    }

    fn set_call(&mut self, call: Call) {
        self.extensions_mut().insert(call);
    }

    fn call_or(&mut self, make: impl FnOnce() -> Call) -> &mut Call {
        self.extensions_mut().get_or_insert_with(make)
    }
}
