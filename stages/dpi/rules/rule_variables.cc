// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "stages/dpi/rules/rule_variables.h"

#include "stages/dpi/rules/rule_list.h"

namespace sluice::rules {

RuleVariables::RuleVariables() {
  static constexpr std::pair<const char*, const char*> kCustomary[] = {
      {"HOME_NET", "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"},
      {"EXTERNAL_NET", "!$HOME_NET"},
      {"HTTP_SERVERS", "$HOME_NET"},
      {"SMTP_SERVERS", "$HOME_NET"},
      {"SQL_SERVERS", "$HOME_NET"},
      {"DNS_SERVERS", "$HOME_NET"},
      {"TELNET_SERVERS", "$HOME_NET"},
      {"AIM_SERVERS", "$EXTERNAL_NET"},
      {"DC_SERVERS", "$HOME_NET"},
      {"DNP3_SERVER", "$HOME_NET"},
      {"DNP3_CLIENT", "$HOME_NET"},
      {"MODBUS_CLIENT", "$HOME_NET"},
      {"MODBUS_SERVER", "$HOME_NET"},
      {"ENIP_CLIENT", "$HOME_NET"},
      {"ENIP_SERVER", "$HOME_NET"},
      {"HTTP_PORTS", "80"},
      {"SHELLCODE_PORTS", "!80"},
      {"ORACLE_PORTS", "1521"},
      {"SSH_PORTS", "22"},
      {"DNP3_PORTS", "20000"},
      {"MODBUS_PORTS", "502"},
      {"FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"},
      {"FTP_PORTS", "21"},
      {"GENEVE_PORTS", "6081"},
      {"VXLAN_PORTS", "4789"},
      {"TEREDO_PORTS", "3544"},
  };
  for (const auto& [name, text] : kCustomary) variables_[name] = {text, std::nullopt};
}

void RuleVariables::set(std::string name, std::string text, ConfigPosition where) {
  variables_[std::move(name)] = {std::move(text), std::move(where)};
}

const std::string* RuleVariables::find(std::string_view name) const {
  const auto found = variables_.find(name);
  return found == variables_.end() ? nullptr : &found->second.text;
}

bool RuleVariables::check(const std::string& section, ConfigErrors& errors) const {
  RuleLists lists(*this);
  bool good = true;
  for (const auto& [name, variable] : variables_) {
    if (!variable.where) continue;
    RuleListError addresses, ports;
    const std::string text = "$" + name;
    if (lists.addresses(text, addresses) != nullptr || lists.ports(text, ports) != nullptr)
      continue;
    // The kind that its first character speaks for.
    const bool port = variable.text.find_first_of(".$") == std::string::npos;
    RuleListError& why = port ? ports : addresses;
    errors.add(
        {*variable.where, section + "." + name, std::move(why.found), std::move(why.allowed)});
    good = false;
  }
  return good;
}

}  // namespace sluice::rules
