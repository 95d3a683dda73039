// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "tls_session.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <utility>

namespace sluice {

namespace {

[[noreturn]] void refuse(const char* what) {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof(text));
  throw std::runtime_error(std::string(what) + ": " + text);
}

template <auto Free>
struct With {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, With<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, With<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, With<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, With<SSL_free>>;
using Session = std::unique_ptr<SSL_SESSION, With<SSL_SESSION_free>>;

struct Identity {
  Key key;
  Certificate certificate;
};

Identity make_identity(const std::vector<std::pair<std::string, std::string>>& subject,
                       const std::string& alt_names) {
  Identity identity{Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
  X509* x = identity.certificate.get();
  X509_set_version(x, 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), 0x8123456789abcdef);
  ASN1_TIME_set(X509_getm_notBefore(x), 1700000000);
  ASN1_TIME_set(X509_getm_notAfter(x), 2600000000);
  X509_NAME* name = X509_get_subject_name(x);
  for (const auto& [type, value] : subject) {
    const auto* text = reinterpret_cast<const unsigned char*>(value.data());
    if (X509_NAME_add_entry_by_txt(name, type.c_str(), MBSTRING_UTF8, text,
                                   static_cast<int>(value.size()), -1, 0) != 1) {
      refuse("name");
    }
  }
  X509_set_issuer_name(x, name);
  X509_set_pubkey(x, identity.key.get());
  if (!alt_names.empty()) {
    X509_EXTENSION* extension =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alt_names.c_str());
    if (extension == nullptr) refuse("alternative names");
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  }
  if (X509_sign(x, identity.key.get(), EVP_sha256()) == 0) refuse("sign");
  return identity;
}

std::string der_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

std::string take(BIO* bio) {
  std::string out;
  char part[4096];
  for (int n; (n = BIO_read(bio, part, sizeof(part))) > 0;)
    out.append(part, static_cast<size_t>(n));
  return out;
}

int choose_first(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                 unsigned int, void*) {
  *size = in[0];
  *out = in + 1;
  return SSL_TLSEXT_ERR_OK;
}

int take_any(int, X509_STORE_CTX*) {
  return 1;
}

Context make_context(const TlsSessionOptions& options, const Identity& identity, bool server) {
  Context context(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  SSL_CTX* c = context.get();
  // Old versions need the old digests.
  SSL_CTX_set_security_level(c, 0);
  SSL_CTX_set_min_proto_version(c, options.version);
  SSL_CTX_set_max_proto_version(c, options.version);
  if (server || options.client_certificate) {
    SSL_CTX_use_certificate(c, identity.certificate.get());
    SSL_CTX_use_PrivateKey(c, identity.key.get());
  }
  if (options.fragment > 0) SSL_CTX_set_max_send_fragment(c, static_cast<long>(options.fragment));
  if (server) {
    SSL_CTX_set_alpn_select_cb(c, choose_first, nullptr);
    if (options.client_certificate) {
      SSL_CTX_set_verify(c, SSL_VERIFY_PEER, take_any);
      SSL_CTX_set_session_id_context(c, reinterpret_cast<const unsigned char*>("s"), 1);
    }
    if (options.server_groups != nullptr) SSL_CTX_set1_groups_list(c, options.server_groups);
  } else if (!options.alpn.empty()) {
    SSL_CTX_set_alpn_protos(c, reinterpret_cast<const unsigned char*>(options.alpn.data()),
                            static_cast<unsigned>(options.alpn.size()));
  }
  return context;
}

// One connection. Returns the client's session at its end.
Session connect(const TlsSessionOptions& options, SSL_CTX* client_context, SSL_CTX* server_context,
                SSL_SESSION* earlier, std::vector<TlsFlight>& flights) {
  Connection client(SSL_new(client_context)), server(SSL_new(server_context));
  BIO* to_server = BIO_new(BIO_s_mem());
  BIO* to_client = BIO_new(BIO_s_mem());
  BIO* client_out = BIO_new(BIO_s_mem());
  BIO* server_out = BIO_new(BIO_s_mem());
  SSL_set_bio(client.get(), to_client, client_out);
  SSL_set_bio(server.get(), to_server, server_out);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  if (!options.server_name.empty()) {
    SSL_set_tlsext_host_name(client.get(), options.server_name.c_str());
  }
  if (earlier != nullptr) SSL_set_session(client.get(), earlier);
  bool sent = false;
  for (int turn = 0; turn < 20; ++turn) {
    char byte;
    SSL_read(client.get(), &byte, 0);
    if (SSL_do_handshake(client.get()) == 1 && options.application_data && !sent) {
      SSL_write(client.get(), "GET / HTTP/1.0\r\n\r\n", 18);
      sent = true;
    }
    SSL_read(client.get(), &byte, 1);
    if (const std::string out = take(client_out); !out.empty()) {
      flights.push_back({Direction::Original, out});
      BIO_write(to_server, out.data(), static_cast<int>(out.size()));
    }
    SSL_do_handshake(server.get());
    SSL_read(server.get(), &byte, 1);
    if (const std::string out = take(server_out); !out.empty()) {
      flights.push_back({Direction::Reply, out});
      BIO_write(to_client, out.data(), static_cast<int>(out.size()));
    }
  }
  if (SSL_is_init_finished(client.get()) == 0) refuse("handshake");
  Session session(SSL_get1_session(client.get()));
  // An orderly end, or OpenSSL forgets the session.
  SSL_shutdown(client.get());
  if (earlier != nullptr && SSL_session_reused(client.get()) != 1) refuse("resumption");
  return session;
}

}  // namespace

TlsSession make_tls_session(const TlsSessionOptions& options) {
  const Identity identity = make_identity(
      {{"C", "US"}, {"O", "Example, Inc."}, {"CN", "www.example.com"}}, "DNS:www.example.com");
  const Context client = make_context(options, identity, false);
  const Context server = make_context(options, identity, true);
  TlsSession session;
  session.certificate = der_of(identity.certificate.get());
  Session first = connect(options, client.get(), server.get(), nullptr, session.flights);
  if (options.resume) {
    session.flights.clear();
    connect(options, client.get(), server.get(), first.get(), session.flights);
  }
  return session;
}

std::string make_certificate(const std::vector<std::pair<std::string, std::string>>& subject,
                             const std::string& alt_names) {
  return der_of(make_identity(subject, alt_names).certificate.get());
}

}  // namespace sluice
