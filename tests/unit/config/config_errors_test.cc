// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

// One row for each thing that can be wrong: exactly one error, in its place,
// saying what was found and what is allowed.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/config.h"

namespace sluice {
namespace {

const ConfigVocabulary kVocabulary{{"identity", "dpi", "firewall", "forwarding"}};

// Stands behind the rows that say nothing of ports.
const char kWire[] = R"(
[[port]]
name = "lan"
device = "0000:01:10.0"
peer = "wan"
[[port]]
name = "wan"
device = "0000:01:10.1"
peer = "lan"
)";

struct Row {
  const char* sentence;
  std::string text;
  uint32_t line, column;
  const char* key;
  const char* found;
  const char* allowed;
};

void expect_one_error(const Row& row, const std::string& text) {
  SCOPED_TRACE(row.sentence);
  ConfigErrors errors;
  const auto document = ConfigDocument::parse(text, "sluice.toml", errors);
  ASSERT_NE(document, nullptr) << errors.to_string();
  read_config(document->root(errors), kVocabulary);
  ASSERT_EQ(errors.all().size(), 1u) << errors.to_string();
  const ConfigError& e = errors.all()[0];
  EXPECT_EQ(e.where.file, "sluice.toml");
  EXPECT_EQ(e.where.line, row.line) << errors.to_string();
  EXPECT_EQ(e.where.column, row.column) << errors.to_string();
  EXPECT_EQ(e.key, row.key);
  EXPECT_EQ(e.found, row.found);
  EXPECT_EQ(e.allowed, row.allowed);
}

const char kTopLevel[] =
    "one of: instance, line, rss, rss_ports, burst, reject_rate, memory_mb, flowtable, log, chain, "
    "lane, port, "
    "stage";
const char kLine[] = "identity, dpi, firewall, forwarding";

TEST(ConfigErrors, TellOfEachSlipOutsideThePorts) {
  const std::string top = kTopLevel;
  const std::string line = kLine;
  const std::vector<std::string> made = {
      top + "; did you mean \"burst\"?",                      // 0
      top + "; did you mean \"flowtable\"?",                  // 1
      "one of: " + line + "; did you mean \"firewall\"?",     // 2
      "the order of the line: " + line,                       // 3
      "stages of the line: " + line,                          // 4
      "workers that together run exactly the line: " + line,  // 5
      "at least one stage of the line: " + line,              // 6
      "one of: " + line,                                      // 7
  };
  const auto said = [&](size_t i) { return made[i].c_str(); };
  const std::vector<Row> rows = {
      {"An unknown key gets the nearest known one", "brust = 3\n", 1, 1, "brust", "an unknown key",
       said(0)},
      {"An unknown table is told at its name", "\n[flowtabel]\nx = 1\n", 2, 2, "flowtabel",
       "an unknown key", said(1)},
      {"An unknown key that resembles nothing gets no advice", "zzzzzzzz = 1\n", 1, 1, "zzzzzzzz",
       "an unknown key", kTopLevel},
      {"An unknown key in an inline table is found there",
       "flowtable = { capacity = 64, fragmnts = \"drop\" }\n", 1, 30, "flowtable.fragmnts",
       "an unknown key",
       "one of: capacity, midstream, midstream_window_s, tcp_window, fragments, "
       "fragment_datagrams, fragment_max, fragment_timeout_ms, timeouts; did you mean "
       "\"fragments\"?"},
      {"An unknown dotted key is told at its last part", "log.leve = \"info\"\n", 1, 5, "log.leve",
       "an unknown key", "one of: level, file, eve; did you mean \"level\"?"},
      {"Columns count characters, not bytes",
       "log = { level = \"info\", file = \"größe\", leve = 2 }\n", 1, 41, "log.leve",
       "an unknown key", "one of: level, file, eve; did you mean \"level\"?"},
      {"A number in quotes is no number", "burst = \"32\"\n", 1, 9, "burst", "string \"32\"",
       "an integer from 1 to 64"},
      {"A number with a point is no integer", "burst = 1.5\n", 1, 9, "burst", "number 1.5",
       "an integer from 1 to 64"},
      {"A number above the range", "burst = 65\n", 1, 9, "burst", "integer 65",
       "an integer from 1 to 64"},
      {"A number below the range", "[flowtable]\ncapacity = 0x3f\n", 2, 12, "flowtable.capacity",
       "integer 0x3f", "an integer from 64 to 268435456"},
      {"A number beyond 64 bits", "memory_mb = 99999999999999999999\n", 1, 13, "memory_mb",
       "integer 99999999999999999999", "an integer from 0 to 1048576"},
      {"A word where true or false belongs", "rss_ports = \"yes\"\n", 1, 13, "rss_ports",
       "string \"yes\"", "true or false"},
      {"A date is named as what it is", "instance = 2024-02-03\n", 1, 12, "instance",
       "date or time 2024-02-03", "a string"},
      {"An array where a string belongs", "instance = [\"a\", \"b\"]\n", 1, 12, "instance",
       "an array of 2 elements", "a string"},
      {"A value where a table belongs", "flowtable = 3\n", 1, 13, "flowtable", "integer 3",
       "a table: [flowtable]"},
      {"A table where an array of tables belongs", "[lane]\nlcore = 1\n", 1, 1, "lane", "a table",
       "an array of tables: [[lane]]"},
      {"A choice gets the nearest word", "rss = \"sofware\"\n", 1, 7, "rss", "string \"sofware\"",
       "one of: \"auto\", \"device\", \"software\"; did you mean \"software\"?"},
      {"The name of the instance makes file names", "instance = \"a/b\"\n", 1, 12, "instance",
       "string \"a/b\"", "1 to 31 letters, digits, '_', '-' or '.'"},
      {"A timeout has the name that the state has", "[flowtable.timeouts]\ntcp_etablished = 5\n", 2,
       1, "flowtable.timeouts.tcp_etablished", "an unknown key",
       "one of: udp_new, udp_replied, tcp_syn_sent, tcp_syn_received, tcp_established, "
       "tcp_picked_up, tcp_fin_wait, tcp_closing, tcp_time_wait, tcp_reset, icmp, other; did you "
       "mean \"tcp_established\"?"},
      {"A log level that does not exist", "[log]\nlevel = \"inof\"\n", 2, 9, "log.level",
       "string \"inof\"",
       "one of: trace, debug, info, warning, error, critical, off; did you mean \"info\"?"},
      {"An event type that does not exist is told at its element",
       "[log.eve]\nfile = \"e\"\ntypes = [\"flow\",\n  \"alerts\"]\n", 4, 3, "log.eve.types[1]",
       "string \"alerts\"",
       "one of: flow, alert, tls, http, dns, quic, ssh, drop, stats, port; did you mean "
       "\"alert\"?"},
      {"An event log needs a file", "[log.eve]\ntypes = [\"flow\"]\n", 1, 1, "log.eve.file",
       "nothing", "the name of a file; the key is required"},
      {"A section of a stage that does not exist", "[stage.firewal]\ndefault = \"deny\"\n", 1, 8,
       "stage.firewal", "an unknown key", said(2)},
      {"The section of a stage is a table", "[stage]\ndpi = true\n", 2, 7, "stage.dpi",
       "boolean true", "a table: [stage.dpi]"},

      {"The line has only stages that exist",
       "line = [\"identity\", \"firewal\", \"forwarding\"]\n", 1, 21, "line[1]",
       "string \"firewal\"", said(2)},
      {"The line has each stage once", "line = [\"identity\", \"dpi\", \"dpi\", \"forwarding\"]\n",
       1, 28, "line[2]", "string \"dpi\" a second time", "each stage once"},
      {"The line begins with identity", "line = [\"dpi\", \"identity\", \"forwarding\"]\n", 1, 16,
       "line[1]", "string \"identity\" behind \"dpi\"", "identity as the first stage"},
      {"The line ends with forwarding", "line = [\"identity\", \"dpi\"]\n", 1, 21, "line[1]",
       "string \"dpi\" as the last stage", "forwarding as the last stage"},
      {"The line is not empty", "line = []\n", 1, 8, "line", "an empty array", said(7)},

      {"A chain with an unknown stage",
       "[[chain]]\nname = \"c\"\nstages = [\"identity\", \"firewal\", \"forwarding\"]\n", 3, 23,
       "chain[0].stages[1]", "string \"firewal\"", said(2)},
      {"A chain with a stage twice",
       "[[chain]]\nname = \"c\"\nstages = [\"dpi\", \"dpi\", \"forwarding\"]\n", 3, 18,
       "chain[0].stages[1]", "string \"dpi\" a second time", "each stage once"},
      {"A chain against the order of the line",
       "[[chain]]\nname = \"c\"\nstages = [\"firewall\", \"dpi\", \"forwarding\"]\n", 3, 23,
       "chain[0].stages[1]", "string \"dpi\" behind \"firewall\"", said(3)},
      {"A chain with a stage that the line leaves out",
       "line = [\"identity\", \"forwarding\"]\n[[chain]]\nname = \"c\"\n"
       "stages = [\"dpi\", \"forwarding\"]\n",
       4, 11, "chain[0].stages[0]", "string \"dpi\"", "one of: identity, forwarding"},
      {"A chain without forwarding", "[[chain]]\nname = \"c\"\nstages = [\"identity\", \"dpi\"]\n",
       3, 23, "chain[0].stages[1]", "string \"dpi\" as the last stage",
       "forwarding as the last stage of every chain"},
      {"A chain without stages", "[[chain]]\nname = \"c\"\n", 1, 1, "chain[0].stages", "nothing",
       said(4)},
      {"A chain without a name", "[[chain]]\nstages = [\"forwarding\"]\n", 1, 1, "chain[0].name",
       "nothing", "a string; the key is required"},
      {"No chain in an array of them", "chain = []\n", 1, 9, "chain", "an empty array",
       "at least one [[chain]], or no chain at all"},
      {"No lane in an array of them", "lane = []\n", 1, 8, "lane", "an empty array",
       "at least one [[lane]], or no lane at all"},
      {"Two chains of one name",
       "[[chain]]\nname = \"c\"\nstages = \"forwarding\"\n"
       "[[chain]]\nname = \"c\"\nstages = \"forwarding\"\n",
       5, 8, "chain[1].name", "string \"c\", the name of chain[0]",
       "a name that no other chain has"},

      {"An lcore used by two lanes", "[[lane]]\nlcore = 1\n[[lane]]\nlcore = 1\n", 4, 9,
       "lane[1].lcore", "lcore 1, which runs lane[0]", "an lcore that runs nothing else"},
      {"An lcore used by two workers of different lanes",
       "[[lane]]\nlcore = 3\n[[lane]]\nworkers = [\n"
       " { lcore = 2, stages = [\"identity\", \"dpi\"] },\n"
       " { lcore = 3, stages = [\"firewall\", \"forwarding\"] } ]\n",
       6, 12, "lane[1].workers[1].lcore", "lcore 3, which runs lane[0]",
       "an lcore that runs nothing else"},
      {"A lane with lcore and workers",
       "[[lane]]\nlcore = 1\n"
       "workers = [{ lcore = 2, stages = [\"identity\", \"dpi\", \"firewall\", \"forwarding\"] "
       "}]\n",
       2, 9, "lane[0].lcore", "lcore beside workers",
       "one of them: lcore for the whole line, or workers for a pipeline"},
      {"A lane without either", "[[lane]]\n", 1, 1, "lane[0]", "neither lcore nor workers",
       "lcore = N for the whole line, or workers = [{ lcore = N, stages = [...] }, ...]"},
      {"A worker without an lcore",
       "[[lane]]\nworkers = [{ stages = [\"identity\", \"dpi\", \"firewall\", \"forwarding\"] }]\n",
       2, 12, "lane[0].workers[0].lcore", "nothing", "an integer; the key is required"},
      {"A worker without stages",
       "[[lane]]\nworkers = [{ lcore = 1, stages = [\"identity\", \"dpi\", \"firewall\", "
       "\"forwarding\"] }, { lcore = 2, stages = [] }]\n",
       2, 105, "lane[0].workers[1].stages", "an empty array", said(6)},
      {"Workers that leave a stage out",
       "[[lane]]\nworkers = [{ lcore = 1, stages = [\"identity\", \"firewall\", \"forwarding\"] "
       "}]\n",
       2, 11, "lane[0].workers", "the stages identity, firewall, forwarding", said(5)},
      {"Workers in another order than the line",
       "[[lane]]\nworkers = [{ lcore = 1, stages = [\"dpi\", \"firewall\", \"forwarding\"] },\n"
       " { lcore = 2, stages = [\"identity\"] }]\n",
       2, 11, "lane[0].workers", "the stages dpi, firewall, forwarding, identity", said(5)},
      {"Workers without an element", "[[lane]]\nworkers = []\n", 2, 11, "lane[0].workers",
       "an empty array", said(5)},
  };
  for (const Row& row : rows) expect_one_error(row, row.text + kWire);
}

// Line 1 opens the first port, line 5 the second.
constexpr const char* kVlanForm =
    "an integer from 1 to 4094, or a range of them such as \"100-199\"";

std::string wire(const std::string& more_lan, const std::string& more_wan = "") {
  return "[[port]]\nname = \"lan\"\ndevice = \"01:10.0\"\npeer = \"wan\"\n" + more_lan +
         "[[port]]\nname = \"wan\"\ndevice = \"01:10.1\"\npeer = \"lan\"\n" + more_wan;
}

std::string routed(const std::string& addresses, const std::string& more = "") {
  return "[[port]]\nname = \"a\"\ndevice = \"net_null0\"\naddresses = " + addresses + "\n" + more;
}

TEST(ConfigErrors, TellOfEachSlipAtAPort) {
  const std::vector<Row> rows = {
      {"No port at all", "burst = 1\n", 1, 1, "port", "no port",
       "two [[port]] at least of a wire, or one that is routed"},
      {"A port without a name", "[[port]]\ndevice = \"net_null0\"\naddresses = \"10.0.0.1/24\"\n",
       1, 1, "port[0].name", "nothing", "a string; the key is required"},
      {"A port without a device", "[[port]]\nname = \"a\"\naddresses = \"10.0.0.1/24\"\n", 1, 1,
       "port[0].device", "nothing", "a string; the key is required"},
      {"A port with neither peer nor addresses", "[[port]]\nname = \"a\"\ndevice = \"net_null0\"\n",
       1, 1, "port[0]", "neither peer nor addresses",
       "peer = \"NAME\" for a wire, or addresses = [...] for a routed port"},
      {"A port with both", routed("\"10.0.0.1/24\"", "peer = \"b\"\n"), 5, 8, "port[0].peer",
       "peer beside addresses", "one of them: peer for a wire, addresses for a routed port"},
      {"A port peered with itself",
       "[[port]]\nname = \"a\"\ndevice = \"net_null0\"\npeer = \"a\"\n", 4, 8, "port[0].peer",
       "string \"a\", this port itself", "another port"},
      {"A peer that names no port",
       wire("") + "[[port]]\nname = \"dmz\"\ndevice = \"net_null0\"\npeer = \"wann\"\n", 12, 8,
       "port[2].peer", "string \"wann\"", "another port: one of: lan, wan; did you mean \"wan\"?"},
      {"A peer that names somebody else",
       wire("") + "[[port]]\nname = \"dmz\"\ndevice = \"net_null0\"\npeer = \"wan\"\n", 12, 8,
       "port[2].peer", "string \"wan\", whose peer is \"lan\"",
       "a port that names this one as its peer: peer = \"dmz\""},
      {"A peer that is routed",
       routed("\"10.0.0.1/24\"") + "[[port]]\nname = \"b\"\ndevice = \"net_null1\"\npeer = \"a\"\n",
       8, 8, "port[1].peer", "string \"a\"",
       "a port that names this one as its peer: peer = \"b\""},
      {"Two ports of one name",
       routed("\"10.0.0.1/24\"") +
           "[[port]]\nname = \"a\"\ndevice = \"net_null1\"\naddresses = \"10.0.1.1/24\"\n",
       6, 8, "port[1].name", "string \"a\", the name of port[0]", "a name that no other port has"},
      {"A name with a space",
       "[[port]]\nname = \"a b\"\ndevice = \"net_null0\"\naddresses = \"10.0.0.1/24\"\n", 2, 8,
       "port[0].name", "string \"a b\"", "1 to 31 letters, digits, '_', '-' or '.'"},
      {"A device that is neither PCI nor vdev",
       "[[port]]\nname = \"a\"\ndevice = \"eth0\"\naddresses = \"10.0.0.1/24\"\n", 3, 10,
       "port[0].device", "string \"eth0\"",
       "a PCI address such as 0000:01:10.0, or a vdev such as net_af_packet0,iface=eth1"},
      {"One device twice, written in two ways",
       "[[port]]\nname = \"a\"\ndevice = \"0000:0A:00.0\"\naddresses = \"10.0.0.1/24\"\n"
       "[[port]]\nname = \"b\"\ndevice = \"0a:00.0\"\naddresses = \"10.0.1.1/24\"\n",
       7, 10, "port[1].device", "device 0000:0a:00.0, which belongs to port[0]",
       "a device that no other port has"},
      {"A chain that does not exist", wire("chain = \"defalt\"\n"), 5, 9, "port[0].chain",
       "string \"defalt\"", "a chain: default; did you mean \"default\"?"},
      {"An MTU out of range", wire("mtu = 9601\n"), 5, 7, "port[0].mtu", "integer 9601",
       "an integer from 68 to 9600"},
      {"Two ends of a wire with different MTUs", wire("", "mtu = 9000\n"), 9, 7, "port[1].mtu",
       "integer 9000", "the same mtu at both ends of a wire"},
      {"A VLAN id that is none", wire("vlans = [10, 4095]\n", "vlans = [10]\n"), 5, 14,
       "port[0].vlans[1]", "integer 4095", kVlanForm},
      {"A range of VLAN ids from behind", wire("vlans = [\"20-10\"]\n"), 5, 10, "port[0].vlans[0]",
       "string \"20-10\"", kVlanForm},
      {"A range of VLAN ids that is none", wire("vlans = [\"10-\"]\n"), 5, 10, "port[0].vlans[0]",
       "string \"10-\"", kVlanForm},
      {"VLAN ids at one end only", wire("vlans = 10\n"), 5, 9, "port[0].vlans", "integer 10",
       "the same vlans at both ends of a wire"},
      {"Split horizon at one end only", wire("", "split_horizon = true\n"), 9, 17,
       "port[1].split_horizon", "boolean true", "the same split_horizon at both ends of a wire"},
      {"VLAN ids at a routed port", routed("\"10.0.0.1/24\"", "vlans = [10]\n"), 5, 9,
       "port[0].vlans", "an array of 1 element", "no such key at a routed port; wires only"},
      {"Link state passed on by a routed port", routed("\"10.0.0.1/24\"", "link_follow = true\n"),
       5, 15, "port[0].link_follow", "boolean true", "no such key at a routed port; wires only"},
      {"Zones per VLAN at one end only", wire("zone_per_vlan = false\n"), 5, 17,
       "port[0].zone_per_vlan", "boolean false", "the same zone_per_vlan at both ends of a wire"},
      {"A zone beside zones per VLAN", wire("zone = 7\nzone_per_vlan = true\n", "zone = 7\n"), 6,
       17, "port[0].zone_per_vlan", "zone_per_vlan beside zone", "one of them"},
      {"A zone above what can be given by hand", routed("\"10.0.0.1/24\"", "zone = 4096\n"), 5, 8,
       "port[0].zone", "integer 4096", "an integer from 0 to 4095"},
      {"An address without its length", routed("\"10.0.0.1\""), 4, 13, "port[0].addresses",
       "string \"10.0.0.1\"", "an address with its length, such as 192.0.2.1/24"},
      {"An address that is no address", routed("[\"10.0.0.1/24\", \"10.0.0.256/24\"]"), 4, 29,
       "port[0].addresses[1]", "string \"10.0.0.256/24\"",
       "an address with its length, such as 192.0.2.1/24"},
      {"No address", routed("[]"), 4, 13, "port[0].addresses", "an empty array",
       "at least one address with its length, such as 192.0.2.1/24"},
      {"The network's own address", routed("\"10.0.0.0/24\""), 4, 13, "port[0].addresses",
       "string \"10.0.0.0/24\"", "an address of the network, not the network itself"},
      {"The broadcast address", routed("\"10.0.1.255/23\""), 4, 13, "port[0].addresses",
       "string \"10.0.1.255/23\"", "an address that is not the broadcast address"},
      {"A multicast address", routed("\"ff02::1/64\""), 4, 13, "port[0].addresses",
       "string \"ff02::1/64\"", "a unicast address that is not the host's own"},
      {"Networks that overlap in one zone",
       routed("\"10.0.0.1/16\"") +
           "[[port]]\nname = \"b\"\ndevice = \"net_null1\"\naddresses = [\"10.0.1.1/24\"]\n",
       8, 14, "port[1].addresses[0]", "10.0.1.1/24, which overlaps 10.0.0.1/16 of port[0]",
       "networks that do not overlap within a zone"},
      {"One address twice at one port", routed("[\"2001:db8::1/64\", \"2001:DB8:0::1/64\"]"), 4, 32,
       "port[0].addresses[1]", "2001:db8::1/64, which overlaps 2001:db8::1/64 of port[0]",
       "networks that do not overlap within a zone"},
      {"An MTU too small for IPv6", routed("\"2001:db8::1/64\"", "mtu = 1279\n"), 5, 7,
       "port[0].mtu", "integer 1279",
       "an integer from 1280 to 9600, for the port has an IPv6 address"},
      {"A MAC address with five bytes", routed("\"10.0.0.1/24\"", "mac = \"02:00:00:00:00\"\n"), 5,
       7, "port[0].mac", "string \"02:00:00:00:00\"", "a MAC address such as 02:00:00:00:00:01"},
      {"A multicast MAC address", routed("\"10.0.0.1/24\"", "mac = \"01:00:5e:00:00:01\"\n"), 5, 7,
       "port[0].mac", "string \"01:00:5e:00:00:01\"", "a unicast MAC address"},
  };
  for (const Row& row : rows) expect_one_error(row, row.text);
}

std::string wires(int count, const std::string& more = "") {
  std::string text;
  for (int i = 0; i < 2 * count; ++i) {
    text += "[[port]]\nname = \"p" + std::to_string(i) + "\"\ndevice = \"net_null" +
            std::to_string(i) + "\"\npeer = \"p" + std::to_string(i ^ 1) + "\"\n" + more;
  }
  return text;
}

TEST(ConfigErrors, TellOfWhatIsTooMany) {
  std::string lanes;
  for (int i = 0; i < 17; ++i) lanes += "[[lane]]\nlcore = " + std::to_string(i) + "\n";
  std::string chains;
  for (int i = 0; i < 65; ++i) {
    chains += "[[chain]]\nname = \"c" + std::to_string(i) + "\"\nstages = \"forwarding\"\n";
  }
  const std::vector<Row> rows = {
      {"More wires with zones per VLAN than there are numbers", wires(16), 121, 1, "port[30]",
       "16 wires with a zone for each VLAN",
       "at most 15; set zone_per_vlan = false at both ends of those that can do without"},
      {"More ports than a mask has bits", wires(33, "zone_per_vlan = false\n"), 321, 1, "port[64]",
       "66 ports", "at most 64"},
      {"More lanes than 16", lanes + kWire, 33, 1, "lane[16]", "17 lanes", "at most 16"},
      {"More chains than 64", chains + kWire, 193, 1, "chain[64]", "65 chains", "at most 64"},
  };
  for (const Row& row : rows) expect_one_error(row, row.text);
}

TEST(ConfigErrors, OfOneFileAreAllReportedAtOnceInItsOrder) {
  const std::string text =
      "brust = 3\n"
      "rss = \"sofware\"\n"
      "[[port]]\n"
      "name = \"lan\"\n"
      "device = \"nowhere\"\n"
      "peer = \"wam\"\n"
      "mtu = 1\n"
      "[[port]]\n"
      "name = \"wan\"\n"
      "device = 5\n"
      "peer = \"lan\"\n"
      "colour = \"red\"\n"
      "[[lane]]\n"
      "lcore = -1\n"
      "[[chain]]\n"
      "name = \"c\"\n"
      "stages = [\"dip\", \"forwarding\"]\n"
      "[stage.routing]\n";
  ConfigErrors errors;
  const auto document = ConfigDocument::parse(text, "f", errors);
  ASSERT_NE(document, nullptr);
  read_config(document->root(errors), kVocabulary);
  std::vector<std::pair<uint32_t, std::string>> seen;
  for (const ConfigError& e : errors.all()) seen.emplace_back(e.where.line, e.key);
  const std::vector<std::pair<uint32_t, std::string>> expected = {
      {1, "brust"},          {2, "rss"},
      {5, "port[0].device"}, {6, "port[0].peer"},
      {7, "port[0].mtu"},    {10, "port[1].device"},
      {11, "port[1].peer"},  {12, "port[1].colour"},
      {14, "lane[0].lcore"}, {17, "chain[0].stages[0]"},
      {18, "stage.routing"},
  };
  EXPECT_EQ(seen, expected) << errors.to_string();
}

TEST(ConfigErrors, ShowTheLineWithACaretUnderTheFault) {
  ConfigErrors errors;
  const auto document =
      ConfigDocument::parse("\nburst\t= 65 # \x1b[31m\n" + std::string(kWire), "f.toml", errors);
  // A control character is no TOML; in a string it would be escaped.
  ASSERT_EQ(document, nullptr);
  ConfigErrors shown;
  shown.add({{"f.toml", 12, 10, "\tdevice = \"\x1b[2J\""}, "port[1].device", "x", "y"});
  EXPECT_EQ(shown.to_string(),
            "f.toml:12:10: port[1].device: found x, allowed y\n"
            "    12 |  device = \"?[2J\"\n"
            "       |          ^\n");
}

TEST(ConfigErrors, ShowAWindowOfALongLine) {
  ConfigErrors errors;
  errors.add(
      {{"f", 1, 5001, std::string(5000, 'a') + "X" + std::string(5000, 'b')}, "k", "x", "y"});
  const std::string text = errors.to_string();
  EXPECT_LT(text.size(), 400u);
  const size_t mark = text.rfind("| ");
  const size_t caret = text.find('^');
  const size_t line = text.find("| ");
  EXPECT_EQ(text[line + (caret - mark)], 'X');
}

TEST(ConfigErrors, LeaveOutWhatWasSaidAlready) {
  ConfigErrors errors;
  const ConfigError e{{"f", 1, 1, "a"}, "a", "x", "y"};
  errors.add(e);
  errors.add(e);
  EXPECT_EQ(errors.all().size(), 1u);
}

TEST(Nearest, FindsSlipsAndNothingFarther) {
  const std::vector<std::string> names = {"device", "software", "rx_descriptors", "mtu"};
  EXPECT_EQ(nearest("sofware", names), "software");
  EXPECT_EQ(nearest("devcie", names), "device");
  EXPECT_EQ(nearest("Device", names), "device");
  EXPECT_EQ(nearest("rx_desc", names), "rx_descriptors");
  EXPECT_EQ(nearest("mut", names), "mtu");
  EXPECT_EQ(nearest("hardware", {"firewall"}), "");
  EXPECT_EQ(nearest("x", {"y"}), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(100000, 'a'), names), "");
}

}  // namespace
}  // namespace sluice
