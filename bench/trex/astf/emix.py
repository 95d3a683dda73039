# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""An enterprise mix for TRex's stateful mode: the applications of the captures
that come with TRex (avl/), their shares those of its SFR profile. At multiplier 1
some 4,200 connections/s and 1 Gbit/s.

  -t caps=/opt/trex/v3.06/avl      folder of the captures (default: $TREX/avl)
  -t only=dns                      only rows whose name begins so: dns, http, https, mail, rtp ...
"""
import argparse
import os

from trex.astf.api import ASTFCapInfo, ASTFIPGen, ASTFIPGenDist, ASTFIPGenGlobal, ASTFProfile

# Connections a second; a port where the capture's own is taken by another row:
# TRex's server tells templates apart by it. nDPI goes by content.
MIX = (
    # name            capture                     cps      port
    ('dns',           'delay_10_dns_0',           1975.0,  None),
    ('http_browsing', 'delay_10_http_browsing_0', 709.9,   None),
    ('http_get',      'delay_10_http_get_0',      404.5,   8080),
    ('http_post',     'delay_10_http_post_0',     404.5,   8081),
    ('https',         'delay_10_https_0',         130.9,   None),
    ('exchange',      'delay_10_exchange_0',      253.8,   None),
    ('oracle',        'delay_10_oracle_0',        79.3,    None),
    ('citrix',        'delay_10_citrix_0',        43.6,    None),
    ('mail_pop_0',    'delay_10_mail_pop_0',      4.8,     None),
    ('mail_pop_1',    'delay_10_mail_pop_1',      4.8,     1110),
    ('mail_pop_2',    'delay_10_mail_pop_2',      4.8,     1111),
    ('mail_smtp_0',   'delay_10_smtp_0',          7.3,     None),
    ('mail_smtp_1',   'delay_10_smtp_1',          7.3,     2525),
    ('mail_smtp_2',   'delay_10_smtp_2',          7.3,     2526),
    ('video_call',    'delay_10_video_call_0',    11.9,    None),
    ('sip',           'delay_10_sip_0',           29.3,    None),
    ('rtp_voice',     'delay_10_video_call_rtp_0', 29.3,   None),
    ('rtsp',          'delay_10_rtsp_0',          4.8,     None),
    ('rtp_160k_0',    'delay_10_rtp_160k_0',      2.8,     None),
    ('rtp_160k_1',    'delay_10_rtp_160k_1',      2.8,     None),
    ('rtp_250k_0',    'delay_10_rtp_250k_0_0',    2.0,     None),
    ('rtp_250k_1',    'delay_10_rtp_250k_1_0',    2.0,     None),
)


class Profile:
    def get_profile(self, tunables=(), **others):
        parser = argparse.ArgumentParser()
        parser.add_argument('--caps', default=os.path.join(os.environ.get('TREX', '..'), 'avl'))
        parser.add_argument('--only', default='')
        chosen = parser.parse_args(list(tunables or ()))
        if not tunables:
            chosen.caps = others.get('caps', chosen.caps)
            chosen.only = others.get('only', chosen.only)
        addresses = ASTFIPGen(
            glob=ASTFIPGenGlobal(ip_offset='1.0.0.0'),
            dist_client=ASTFIPGenDist(ip_range=['16.0.0.1', '16.0.15.254'], distribution='seq'),
            dist_server=ASTFIPGenDist(ip_range=['48.0.0.1', '48.0.63.254'], distribution='seq'))
        rows = []
        for name, capture, cps, port in MIX:
            if not name.startswith(chosen.only):
                continue
            path = os.path.join(os.path.abspath(chosen.caps), capture + '.pcap')
            if port is None:
                rows.append(ASTFCapInfo(file=path, cps=cps))
            else:
                rows.append(ASTFCapInfo(file=path, cps=cps, port=port))
        if not rows:
            raise ValueError('no row begins with %r' % chosen.only)
        return ASTFProfile(default_ip_gen=addresses, cap_list=rows)


def register():
    return Profile()
