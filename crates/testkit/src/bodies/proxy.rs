//! Pages of the proxies that stand before a provider.

/// nginx, when what it forwards to is gone.
pub(crate) const NGINX_502: &str = "<html>\r\n\
    <head><title>502 Bad Gateway</title></head>\r\n\
    <body>\r\n\
    <center><h1>502 Bad Gateway</h1></center>\r\n\
    <hr><center>nginx</center>\r\n\
    </body>\r\n\
    </html>\r\n";

/// JSON in its headers, but not in its bytes.
pub(crate) const NOT_JSON: &str = "{\"id\": \"chatcmpl-1\", \"choices\": [{\"message\": oops";
