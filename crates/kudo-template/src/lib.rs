//! The KUDO template renderer: Go text/template with Sprig, Handlebars, and rendered text to objects.
