mod facts;
mod quirks;
mod shapes;
